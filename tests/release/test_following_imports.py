"""What a function's zip must hold is read off its source."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from release import PackagingError
from release.imports import Imports, follow


def _follow(root: Path, files: Mapping[str, str]) -> Imports:
    """What main.py imports in a checkout of these `files`."""
    for path, source in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)
    return follow(root / "main.py", root)


def _ours(imports: Imports, root: Path) -> set[str]:
    return {file.relative_to(root).as_posix() for file in imports.ours.values()}


def test_a_module_comes_with_the_packages_that_it_is_in_and_with_what_those_import(tmp_path: Path) -> None:
    files = {
        "main.py": "import shared.a.b",
        "shared/__init__.py": "",
        "shared/a/__init__.py": "from . import c",
        "shared/a/b.py": "import json, orjson",
        "shared/a/c.py": "",
        "shared/a/unused.py": "import nothing",
    }
    imports = _follow(tmp_path, files)
    assert _ours(imports, tmp_path) == {"shared/__init__.py", "shared/a/__init__.py", "shared/a/b.py", "shared/a/c.py"}
    assert imports.others == {"orjson"}


_ONE_OF_MANY = {
    "shared/__init__.py": "",
    "shared/offer.py": """
from shared.top import helper

def light():
    return helper()

def heavy():
    from shared.heavy import thing
    import google.pubsub_v1
    return thing()

class Machine:
    def start(self):
        return heavy()
""",
    "shared/top.py": "def helper(): ...",
    "shared/heavy.py": "def thing():\n    import httpx",
}


def test_an_import_within_a_function_counts_for_those_who_name_that_function(tmp_path: Path) -> None:
    imports = _follow(tmp_path, {**_ONE_OF_MANY, "main.py": "from shared.offer import heavy"})
    assert _ours(imports, tmp_path) == {"shared/__init__.py", "shared/offer.py", "shared/top.py", "shared/heavy.py"}
    assert imports.others == {"google.pubsub_v1", "httpx"}


def test_an_import_within_a_function_does_not_count_for_others_of_its_module(tmp_path: Path) -> None:
    imports = _follow(tmp_path, {**_ONE_OF_MANY, "main.py": "from shared.offer import light"})
    assert _ours(imports, tmp_path) == {"shared/__init__.py", "shared/offer.py", "shared/top.py"}
    assert imports.others == set()


@pytest.mark.parametrize(
    "main",
    [
        "from shared.offer import Machine",
        "import shared.offer",
        "from shared import offer",
        "from shared.offer import *",
        "from shared.offer import light\ndef later():\n    from shared.offer import heavy",
        "from shared.again import heavy as renamed",
        "from shared.again import wrapped",
        "from shared.again import registered",
        "from importlib import import_module\nimport_module('shared.offer')",
    ],
)
def test_a_function_is_reached_in_every_way_that_names_it_or_its_whole_module(tmp_path: Path, main: str) -> None:
    again = """
from shared.offer import heavy
def wrapped(): return registered["heavy"]()
registered = {"heavy": heavy}
"""
    imports = _follow(tmp_path, {**_ONE_OF_MANY, "shared/again.py": again, "main.py": main})
    assert "shared.heavy" in imports.ours


@pytest.mark.parametrize(
    "definition",
    [
        "@keep\ndef kept():\n    import httpx",
        "@keep\nasync def kept():\n    import httpx",
        "class Kept(Base):\n    def run(self):\n        import httpx",
    ],
)
def test_what_a_decorator_or_base_class_of_ours_may_keep_counts_without_being_named(
    tmp_path: Path, definition: str
) -> None:
    files = {
        "main.py": "from shared.register import other",
        "shared/__init__.py": "",
        "shared/keeping.py": "class Base: ...\ndef keep(function): ...",
        "shared/register.py": f"from shared.keeping import Base, keep\ndef other(): ...\n{definition}",
    }
    assert _follow(tmp_path, files).others == {"httpx"}


@pytest.mark.parametrize("guard", ["TYPE_CHECKING", "typing.TYPE_CHECKING"])
def test_imports_for_type_checkers_do_not_count_but_their_alternative_does(tmp_path: Path, guard: str) -> None:
    source = f"""
if {guard}:
    import mypy
else:
    import orjson

def function():
    if {guard}:
        import ruff
"""
    assert _follow(tmp_path, {"main.py": source}).others == {"orjson"}


def test_the_standard_library_does_not_count(tmp_path: Path) -> None:
    assert _follow(tmp_path, {"main.py": "import os.path, asyncio\nfrom collections import abc"}).others == set()


def test_modules_that_import_each_other_are_read_once(tmp_path: Path) -> None:
    files = {
        "main.py": "from shared.a import f",
        "shared/__init__.py": "",
        "shared/a.py": "from shared.b import g\ndef f(): return g()",
        "shared/b.py": "from shared.a import f\ndef g():\n    import orjson\n    return f()",
    }
    assert _follow(tmp_path, files).others == {"orjson"}


def test_an_import_whose_name_only_the_run_tells_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackagingError, match=r"main\.py:2"):
        _follow(tmp_path, {"main.py": "import importlib\nimportlib.import_module('shared.' + chosen)"})

"""Rooms: a folder holds about a dozen files, a module fits in one head, a function's entry point on one page."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path

import pytest

from local.home import CHECKOUT
from tests.house.imports import PROGRAMS, files_of

FILES_A_FOLDER = 12
LINES_A_MODULE = 400
LINES_A_TEST = 500
LINES_OF_AN_ENTRY = 60

NOT_COUNTED = {"__init__.py", "__main__.py", "conftest.py"}

FOLDERS = {*PROGRAMS, ".ci", "docs", "examples", "infra", "schemas"}
"""All that the house is divided into; what a new one would be for is said in docs/architecture.md."""

LARGER: Mapping[str, str] = {
    "infra/terraform": "Terraform reads a root module from one folder",
    "infra/terraform/modules/observability/runbook": "a page an alert, found by the alert's name",
    "schemas/postgres": "migrations are only added",
}
"""The folders that may hold more files, and why."""

PYTHON_ELSEWHERE: Mapping[str, str] = {
    "infra/scripts/let_roles_log_in.py": "an operator's script, of the deployment and of no program",
}


def _files(root: Path = CHECKOUT) -> list[Path]:
    """The files that the project holds, from its root: what git knows, or without git all but what it would ignore."""
    if (root / ".git").exists() and shutil.which("git"):
        command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
        listed = subprocess.run(command, cwd=root, capture_output=True, check=True, encoding="utf-8")  # noqa: S603
        return [Path(name) for name in listed.stdout.split("\0") if name and (root / name).is_file()]
    ignored = [line.strip("/") for line in (root / ".gitignore").read_text(encoding="utf-8").split()]
    found = []
    for at, folders, files in os.walk(root):
        place = Path(at).relative_to(root)
        folders[:] = [name for name in folders if not any(fnmatch(name, pattern) for pattern in ignored)]
        found += [place / name for name in files if (place / name).as_posix() not in ignored]
    return found


def _lines(file: Path) -> int:
    return len(file.read_text(encoding="utf-8").splitlines())


def test_the_house_is_divided_as_the_architecture_says() -> None:
    assert {file.parts[0] for file in _files() if len(file.parts) > 1} == FOLDERS


def test_a_folder_holds_about_a_dozen_files() -> None:
    folders = Counter(file.parent.as_posix() for file in _files() if file.name not in NOT_COUNTED)
    large = {at: number for at, number in folders.items() if number > FILES_A_FOLDER}
    assert {at: number for at, number in large.items() if at not in LARGER} == {}
    assert LARGER.keys() <= large.keys(), "what is not larger any more need not be named"


def test_what_is_python_belongs_to_a_program() -> None:
    elsewhere = {file.as_posix() for file in _files() if file.suffix == ".py" and file.parts[0] not in PROGRAMS}
    assert elsewhere == PYTHON_ELSEWHERE.keys()


def test_without_git_what_it_would_ignore_is_not_the_projects(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text(".venv/\n*.egg-info/\nbench/results.json\n", encoding="utf-8")
    kept = [".gitignore", "bench/results.md", "shared/law/page.txt"]
    for name in (*kept[1:], ".venv/lib/site.py", "a.egg-info/PKG-INFO", "bench/results.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert sorted(file.as_posix() for file in _files(tmp_path)) == kept


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_module_fits_in_one_head(program: str) -> None:
    most = LINES_A_TEST if program == "tests" else LINES_A_MODULE
    long = {str(file.relative_to(CHECKOUT)): _lines(file) for file in files_of(program) if _lines(file) > most}
    assert long == {}


def test_a_functions_entry_point_fits_on_one_page() -> None:
    entries = [file for file in files_of("functions") if file.name == "main.py"]
    assert len(entries) >= 11
    assert {file.parent.name for file in entries if _lines(file) > LINES_OF_AN_ENTRY} == set()

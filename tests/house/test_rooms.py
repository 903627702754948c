"""Rooms: a folder holds about a dozen files, a module fits in one head, a function's entry point on one page."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from local.home import CHECKOUT
from tests.house.imports import PROGRAMS, files_of

FILES_A_FOLDER = 12
LINES_A_MODULE = 400
LINES_A_TEST = 500
LINES_OF_AN_ENTRY = 60

NOT_COUNTED = {"__init__.py", "__main__.py", "conftest.py"}


def _lines(file: Path) -> int:
    return len(file.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_folder_holds_about_a_dozen_files(program: str) -> None:
    folders = Counter(file.parent for file in files_of(program) if file.name not in NOT_COUNTED)
    assert {str(at.relative_to(CHECKOUT)): n for at, n in folders.items() if n > FILES_A_FOLDER} == {}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_module_fits_in_one_head(program: str) -> None:
    most = LINES_A_TEST if program == "tests" else LINES_A_MODULE
    long = {str(file.relative_to(CHECKOUT)): _lines(file) for file in files_of(program) if _lines(file) > most}
    assert long == {}


def test_a_functions_entry_point_fits_on_one_page() -> None:
    entries = [file for file in files_of("functions") if file.name == "main.py"]
    assert len(entries) >= 11
    assert {file.parent.name for file in entries if _lines(file) > LINES_OF_AN_ENTRY} == set()

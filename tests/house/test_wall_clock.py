"""Nobody asks the machine what time it is but where the time comes in: else a test holds on some days only.

Code takes a clock, or a moment; who really needs the machine's time takes `WallClock` from shared.platform.clock. A
statement of SQL takes its moments as parameters, for the database has a clock of its own.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from local.home import CHECKOUT
from tests.house.imports import files_of, tree_of

FOLDERS = ("shared", "functions", "tests", "cli", "local", "bench", "simulator", "release")
SQL_FOLDERS = tuple(folder for folder in FOLDERS if folder != "bench")
"""Whose SQL takes its moments as parameters. The bench's floor is SQL that the server feeds itself."""

ASK_THE_MACHINE = {
    "shared/platform/clock.py": "has WallClock, by which the time comes in",
    "simulator/clock.py": "the time of others: a provider, a card company, a cloud. They share nothing with our code",
}
"""The files that may ask the machine, and why."""

_DATABASES_FUNCTIONS = ("now", "clock_timestamp", "statement_timestamp", "transaction_timestamp", "timeofday")
_DATABASES_WORDS = ("current_date", "current_time", "current_timestamp", "localtime", "localtimestamp")
_DATABASES_CLOCK = re.compile(
    rf"\b(?:{'|'.join(_DATABASES_FUNCTIONS)})\s*\(\s*\)|\b(?:{'|'.join(_DATABASES_WORDS)})\b", re.IGNORECASE
)
_MACHINES_CLOCK = {
    *(f"datetime.datetime.{name}" for name in ("now", "utcnow", "today")),
    "datetime.date.today",
    *(f"time.{name}" for name in ("time", "time_ns", "localtime", "gmtime", "ctime", "asctime", "strftime")),
}
_WALL_CLOCKS = {"shared.platform.clock.WallClock", "simulator.clock.present"}
_GIVEN_CLOCKS = {f"tests.clock.{name}" for name in ("SettableClock", "DrivenClock", "NOON")}


@cache
def _modules(folder: str) -> Mapping[str, ast.Module]:
    """By its path, what is written in each module of a folder but in this one, whose own words would count."""
    files = [file for file in files_of(folder) if file != Path(__file__)]
    return {file.relative_to(CHECKOUT).as_posix(): tree_of(file) for file in files}


def _names(module: ast.Module) -> list[tuple[int, str]]:
    """Each line that uses a name, with what it means there: `dt.datetime.now` is `datetime.datetime.now`."""
    imported: dict[str, str] = {}
    used: list[tuple[int, list[str]]] = []
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            imported |= {name.asname: name.name for name in node.names if name.asname}
        elif isinstance(node, ast.ImportFrom):
            imported |= {name.asname or name.name: f"{node.module}.{name.name}" for name in node.names}
        elif isinstance(node, ast.Name | ast.Attribute):
            used.append((node.lineno, _dotted(node)))
    return [(line, ".".join((imported.get(first, first), *rest))) for line, (first, *rest) in used]


def _dotted(node: ast.expr) -> list[str]:
    """The parts of a dotted name; of an attribute of something that has no name, nothing is said before it."""
    if isinstance(node, ast.Attribute):
        return [*_dotted(node.value), node.attr]
    return [node.id] if isinstance(node, ast.Name) else [""]


def _asks_the_machine(module: ast.Module) -> list[int]:
    """The lines that use the machine's clock, called or not: a default argument that is its function uses it too."""
    return sorted({line for line, name in _names(module) if name in _MACHINES_CLOCK})


def _asks_the_database(module: ast.Module) -> list[int]:
    """The lines of texts, other than what is said of the code, in which the database is asked for the time."""
    said = {
        id(statement.value)
        for statement in ast.walk(module)
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    }
    return sorted(
        {
            node.lineno
            for node in ast.walk(module)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said
            if _DATABASES_CLOCK.search(node.value)
        }
    )


def test_no_statement_of_sql_uses_the_databases_own_clock() -> None:
    asking = [
        f"{path}:{line}"
        for folder in SQL_FOLDERS
        for path, module in _modules(folder).items()
        for line in _asks_the_database(module)
    ]
    assert asking == []


def test_no_code_asks_the_machine_but_where_the_time_comes_in() -> None:
    modules = [module for folder in FOLDERS for module in _modules(folder).items()]
    asking = {path: lines for path, module in modules if (lines := _asks_the_machine(module))}
    elsewhere = [f"{path}:{line}" for path in asking.keys() - ASK_THE_MACHINE.keys() for line in asking[path]]
    assert sorted(elsewhere) == []
    assert ASK_THE_MACHINE.keys() <= asking.keys(), "who does not ask any more need not be named"


def test_no_test_mixes_the_machines_clock_with_a_given_one() -> None:
    used = {path: {name for _, name in _names(module)} for path, module in _modules("tests").items()}
    assert [path for path, names in used.items() if names & _WALL_CLOCKS and names & _GIVEN_CLOCKS] == []


@pytest.mark.parametrize(
    "code",
    [
        "import datetime as dt\ndt.datetime.now(dt.UTC)",
        "import datetime\ndatetime.date.today()",
        "from datetime import datetime as moment\nmoment.utcnow()",
        "import time\ndef server(clock=time.time): ...",
        "from time import time_ns\nstamp = time_ns()",
    ],
)
def test_the_machines_clock_is_found_however_it_is_imported(code: str) -> None:
    assert _asks_the_machine(ast.parse(code)) == [2]


def test_a_moment_and_a_measured_time_are_not_the_machines_clock() -> None:
    code = "import datetime as dt, time\ntime.monotonic()\ndt.datetime(2026, 1, 1)\nclock.now()\nself.time.time"
    assert _asks_the_machine(ast.parse(code)) == []


@pytest.mark.parametrize("asked", ["now()", "NOW ( )", "current_date + 30", "clock_timestamp()", "localtimestamp"])
def test_the_databases_clock_is_found_in_any_text_but_not_in_what_is_said_of_the_code(asked: str) -> None:
    code = f'def f():\n  """As {asked} is."""\n  g(f"choose {asked} from {{table}}")\n  return "choose {asked}"'
    assert _asks_the_database(ast.parse(code)) == [3, 4]


def test_a_moment_that_is_given_is_not_the_databases_clock() -> None:
    assert _asks_the_database(ast.parse("'select %(now)s, known(), now (1), my_current_date'")) == []

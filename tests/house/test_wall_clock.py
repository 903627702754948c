"""Nobody asks the machine what time it is but where the time comes in: else a test holds on some days only.

Code takes a clock, or a moment; who really needs the machine's time takes `WallClock` from shared.platform.clock. A
statement of SQL takes its moments as parameters, for the database has a clock of its own.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import pytest

from local.home import CHECKOUT
from tests.house import clocks
from tests.house.clocks import DATABASES_CLOCK
from tests.house.imports import files_of, tree_of

FOLDERS = ("shared", "functions", "tests", "cli", "local", "bench", "simulator", "release")
SQL_FOLDERS = tuple(folder for folder in FOLDERS if folder != "bench")
"""Whose SQL takes its moments as parameters. The bench's floor is SQL that the server feeds itself."""

BEGIN_AT_THE_MACHINES_MOMENT = {
    "tests/clock.py": "it puts a given clock in the place of the machine's",
    "tests/cli/messaging/test_customers_verb.py": "a verb asks the machine, so its world begins at that moment",
    "tests/cli/test_eighty_columns.py": "the same",
}
"""The tests that take a given clock and the machine's, and why that makes no difference on any day."""

ASK_THE_MACHINE = {
    "shared/platform/clock.py": "has WallClock, by which the time comes in",
    "simulator/clock.py": "the time of others: a provider, a card company, a cloud. They share nothing with our code",
}
"""The files that may ask the machine, and why."""

_MACHINES_CLOCK = {
    *(f"datetime.datetime.{name}" for name in ("now", "utcnow", "today")),
    "datetime.date.today",
    *(f"time.{name}" for name in ("time", "time_ns", "localtime", "gmtime", "ctime", "asctime", "strftime")),
    *("time.clock_gettime", "time.clock_gettime_ns", "email.utils.localtime", "email.utils.formatdate", "uuid.uuid1"),
}
_WALL_CLOCKS = {"shared.platform.clock.WallClock", "simulator.clock.present"}
_GIVEN_CLOCKS = {*(f"tests.clock.{name}" for name in ("SettableClock", "DrivenClock", "NOON")), "tests.world.World"}


@cache
def _modules(folder: str) -> Mapping[str, ast.Module]:
    """By its path, what each module of a folder says, but for this one and the one with the words to look for."""
    files = [file for file in files_of(folder) if file not in (Path(__file__), Path(clocks.__file__))]
    return {file.relative_to(CHECKOUT).as_posix(): tree_of(file) for file in files}


def _names(module: ast.AST) -> list[tuple[int, str]]:
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
            if DATABASES_CLOCK.search(node.value)
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


def _functions(module: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def _arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    return {argument.arg for argument in function.args.args + function.args.kwonlyargs}


def _fixtures_with_a_given_clock(modules: Iterable[ast.Module]) -> set[str]:
    """The names of the fixtures that bring a given clock, or stand on one that does; of one name the last counts."""
    fixtures = {
        function.name: (function, {name.rpartition(".")[2] for _, name in _names(module) if name in _GIVEN_CLOCKS})
        for module in modules
        for function in _functions(module)
        if any("fixture" in ast.unparse(decorator) for decorator in function.decorator_list)
    }
    found = {name for name, (function, clocks) in fixtures.items() if clocks & {used for _, used in _names(function)}}
    while more := {name for name, (function, _) in fixtures.items() if _arguments(function) & found} - found:
        found |= more
    return found


def _mixing(tests: Mapping[str, ast.Module]) -> list[str]:
    """The tests that use the machine's clock beside a given one, whether they import it or a fixture brings it."""
    everywhere = [module for path, module in tests.items() if path.endswith("conftest.py")]
    mixing = []
    for path, module in tests.items():
        names = {name for _, name in _names(module)}
        if names & _WALL_CLOCKS:
            arguments = {argument for function in _functions(module) for argument in _arguments(function)}
            if names & _GIVEN_CLOCKS or arguments & _fixtures_with_a_given_clock([*everywhere, module]):
                mixing.append(path)
    return mixing


def test_no_test_mixes_the_machines_clock_with_a_given_one() -> None:
    assert _mixing(_modules("tests")) == sorted(BEGIN_AT_THE_MACHINES_MOMENT)


def test_a_given_clock_is_found_that_a_fixture_brings() -> None:
    wall = "from shared.platform.clock import WallClock\ndef test_it({}): WallClock().now()"
    fixture = "from tests.world import World\n@pytest.fixture\ndef till(database): return World(database)"
    onward = "@pytest.fixture(scope='module')\ndef filled(till): ..."
    own = "@pytest.fixture\ndef filled(database): ...\n" + wall.format("filled")
    modules = {
        "a": wall.format("filled"),
        "b": wall.format("database"),
        "c": own,
        "conftest.py": f"{fixture}\n{onward}",
    }
    assert _mixing({path: ast.parse(code) for path, code in modules.items()}) == ["a"]


@pytest.mark.parametrize(
    "code",
    [
        "import datetime as dt\ndt.datetime.now(dt.UTC)",
        "import datetime\ndatetime.date.today()",
        "from datetime import datetime as moment\nmoment.utcnow()",
        "import time\ndef server(clock=time.time): ...",
        "from time import time_ns\nstamp = time_ns()",
        "import time\ntime.clock_gettime(time.CLOCK_REALTIME)",
        "from email.utils import formatdate\nheader = formatdate()",
    ],
)
def test_the_machines_clock_is_found_however_it_is_imported(code: str) -> None:
    assert _asks_the_machine(ast.parse(code)) == [2]


def test_a_moment_and_a_measured_time_are_not_the_machines_clock() -> None:
    code = "import datetime as dt, time\ntime.monotonic()\ndt.datetime(2026, 1, 1)\nclock.now()\nself.time.time"
    assert _asks_the_machine(ast.parse(code)) == []


@pytest.mark.parametrize(
    "asked",
    [
        *("now()", "NOW ( )", "current_date + 30", "clock_timestamp()", "localtimestamp", "current_timestamp(3)"),
        *("'now'::timestamptz", "cast('now' as timestamp)", "date 'today'", "'Yesterday 12:00' :: timestamp"),
        *("age(created_at)", "age (lower(a.period))"),
    ],
)
def test_the_databases_clock_is_found_in_any_text_but_not_in_what_is_said_of_the_code(asked: str) -> None:
    code = f'def f():\n  """As {asked} is."""\n  g(f"choose {asked} from {{table}}")\n  return "choose {asked}"'
    assert _asks_the_database(ast.parse(code)) == [3, 4]


def test_a_moment_that_is_given_is_not_the_databases_clock() -> None:
    assert (
        _asks_the_database(ast.parse("'select %(now)s, known(), now (1), my_current_date, age(%(now)s, at), page(1)'"))
        == []
    )

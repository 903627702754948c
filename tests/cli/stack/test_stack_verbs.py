import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from cli.main import app
from local.home import Home
from local.postgres import ensure_database
from shared.platform.database.migrations import MIGRATIONS

_run = CliRunner().invoke


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ALLIM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return tmp_path / "home"


@pytest.fixture
def empty_database(postgres_url: str) -> Iterator[str]:
    yield ensure_database(postgres_url, "allim_cli")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("drop database allim_cli with (force)")


def test_status_of_nothing_is_an_empty_array() -> None:
    result = _run(app, ["status", "--json"])
    assert (result.exit_code, json.loads(result.stdout)) == (0, [])


def test_down_is_fine_when_nothing_runs_and_makes_no_folder(home: Path) -> None:
    result = _run(app, ["down"])
    assert (result.exit_code, result.stdout) == (0, "nothing was running\n")
    assert not home.exists()


def test_migrate_applies_all_once_and_then_nothing(empty_database: str) -> None:
    first = _run(app, ["migrate", "--database-url", empty_database, "--json"])
    assert json.loads(first.stdout) == {
        "applied": sorted(path.stem for path in MIGRATIONS.glob("*.sql")),
        "made": 2 * 5,  # the migration made this month and the next one
        "accounts_without_calls": 0,
    }
    again = _run(app, ["migrate"], env={"DATABASE_URL": empty_database})
    assert (again.exit_code, again.stdout) == (0, "nothing to apply\n")


def test_migrate_without_a_database_says_how_to_name_one() -> None:
    result = _run(app, ["migrate"])
    assert result.exit_code == 1
    assert result.stderr.startswith("error: no_database:")
    assert "Traceback" not in result.output


def test_a_database_that_is_away_is_one_clear_error() -> None:
    result = _run(app, ["migrate", "--database-url", "postgresql://127.0.0.1:1/none"])
    assert result.exit_code == 1
    assert result.stderr.startswith("error: the database cannot be used: ")
    assert "Traceback" not in result.output


def test_a_wrong_option_is_a_usage_error() -> None:
    assert _run(app, ["up", "--broker", "kafka"]).exit_code == 2


@pytest.mark.parametrize("verb", ["up", "down", "status", "migrate"])
def test_the_help_of_each_verb_has_examples(verb: str) -> None:
    assert f"$ allim {verb}" in _run(app, [verb, "--help"]).stdout


def test_python_m_cli_is_the_same_command_and_help_imports_nothing_heavy() -> None:
    watch = "import sys, cli.main; print([m for m in ('psycopg', 'pydantic', 'grpc', 'yoyo') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", watch], text=True) == "[]\n"  # noqa: S603
    assert "allim" in subprocess.check_output([sys.executable, "-m", "cli", "--help"], text=True)


def test_up_says_so_when_what_is_up_is_of_an_older_release(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Up:
        database_url = empty_database
        broker = "built-in"

    monkeypatch.setattr(Home, "is_supervised", lambda home: True)
    monkeypatch.setattr("local.stack.start_stack", lambda *given, **named: Up())
    result = _run(app, ["up"])
    assert (result.exit_code, "of an older release" in result.stderr) == (1, True)

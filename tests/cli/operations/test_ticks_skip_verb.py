"""`allim ticks skip`: after a restore, what had spoken already does not speak again."""

import json
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from tests.cli.conftest import Run, run
from tests.clock import NOON
from tests.databases import Migrated

__all__ = ["run"]


@pytest.fixture(autouse=True)
def _steps_on_either_side_of_noon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: Migrated) -> None:
    monkeypatch.setenv("ALLIM_HOME", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", database.url)
    with psycopg.connect(database.url) as connection:
        for step, due_at in enumerate((NOON - timedelta(hours=1), NOON, NOON + timedelta(hours=1))):
            connection.execute(
                "insert into timers (tenant, workflow, key, step, due_at) values ('saas', 'w', 'k', %s, %s)",
                [step, due_at],
            )


def _left(database: Migrated) -> list[int]:
    with psycopg.connect(database.url) as connection:
        return [step for (step,) in connection.execute("select step from timers order by step").fetchall()]


def test_what_was_due_before_the_moment_is_left_out_and_nothing_else(run: Run, database: Migrated) -> None:
    assert json.loads(run("ticks", "skip", "--before", NOON.isoformat(), "--json").stdout) == {"skipped": 1}
    assert _left(database) == [1, 2]
    assert "left out 0 steps" in run("ticks", "skip", "--before", NOON.isoformat()).stdout


@pytest.mark.parametrize("given", ["yesterday", "2026-11-21T10:00"], ids=["no time", "no offset"])
def test_a_moment_that_is_none_is_refused_and_nothing_is_left_out(run: Run, database: Migrated, given: str) -> None:
    asked = run("ticks", "skip", "--before", given)
    assert (asked.exit_code, "bad_moment" in asked.stderr) == (1, True)
    assert _left(database) == [0, 1, 2]

"""`allim retention`: what there is, what is due, and letting it leave."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.operations.retention.lives import LIVES
from tests.cli.conftest import Run, run
from tests.clock import SettableClock, instead_of_the_wall_clock
from tests.databases import Migrated
from tests.operations.retention.months import PARENTS, begin_at, midnight, owner_of, put, there

__all__ = ["run"]


@pytest.fixture(autouse=True)
def _in_the_cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: Migrated) -> Iterator[None]:
    monkeypatch.setenv("ALLIM_HOME", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", database.url)
    with owner_of(database.url) as owner:
        begin_at(owner, dt.date(2014, 1, 1))
    with instead_of_the_wall_clock(SettableClock(midnight(2015, 1))):
        yield


def test_each_table_is_shown_with_its_life_and_each_partition_with_its_day(run: Run) -> None:
    shown = json.loads(run("retention", "show", "--json").stdout)
    assert {table["table"] for table in shown["tables"]} == set(LIVES)
    leaves = {part["name"]: (part["due"], part["leaves_on"]) for part in shown["partitions"]}
    assert leaves["messages_past"] == (True, "2015-01-01")
    assert leaves["ledger_entries_past"] == (False, "2015-02-01")
    assert leaves["events_later"] == (False, None)
    written = run("retention", "show").stdout
    assert "13 months, then apart until 60" in written
    assert "not_closed" in written


def test_a_dry_run_says_what_is_due_and_changes_nothing(run: Run, database: Migrated) -> None:
    with owner_of(database.url) as owner:
        for number in range(2):
            owner.execute(
                "insert into dead_letters (source, reason, detail, body, received_at) values ('s', 'r', 'd', '', %s)",
                [midnight(2014, 1 + number)],
            )
    told = json.loads(run("retention", "run", "--dry-run", "--json").stdout)
    due = told["due"]
    assert (told["gone"], told["forgotten"], told["at_least"]) == ({"dead_letters": 2}, {}, [])
    assert "dead_letters: 2 rows would leave" in run("retention", "run", "--dry-run").stdout
    assert {part["name"] for part in due} == {f"{parent}_past" for parent in PARENTS if parent != "ledger_entries"}
    assert "messages_past: not_closed" in run("retention", "run", "--dry-run").stdout
    with owner_of(database.url) as owner:
        assert owner.execute("select count(*) from left_months").fetchone() == (0,)


def test_a_tenant_chooses_what_its_rows_say_for_how_long(run: Run, database: Migrated) -> None:
    with owner_of(database.url) as owner:
        owner.execute("insert into tenants (id, name) values ('cafe', 'c')")
    mine = ("--tenant", "cafe", "--what", "messages")
    refused = run("retention", "set", *mine, "--months", "6")
    assert (refused.exit_code, "bad_life: messages may be forgotten after 7 to 11 months" in refused.stderr) == (
        1,
        True,
    )
    assert "7 months" in run("retention", "set", *mine, "--months", "7", "--by", "kim").stdout
    chosen = {"tenant": "cafe", "what": "messages", "months": 7, "forgotten_before": None}
    assert json.loads(run("retention", "show", "--tenant", "cafe", "--json").stdout) == {"chosen": [chosen]}
    assert json.loads(run("retention", "show", "--json").stdout)["chosen"] == [chosen]
    assert "says so much for" in run("retention", "show").stdout
    history = json.loads(run("tenants", "show", "cafe", "--json").stdout)["history"]
    assert [(line["what"], line["done_by"], line["why"]) for line in history] == [
        ("life_set", "kim", "messages: 7 months")
    ]
    assert "as all tenants" in run("retention", "unset", *mine).stdout
    assert "no_life_set" in run("retention", "unset", *mine).stderr
    assert run("retention", "show", "--tenant", "nobody").exit_code == 1


def test_a_run_says_whose_rows_have_forgotten_and_that_there_is_no_backup(run: Run, database: Migrated) -> None:
    with owner_of(database.url) as owner:
        begin_at(owner, dt.date(2014, 4, 1))
        owner.execute("insert into tenants (id, name) values ('cafe', 'c')")
        put(owner, "messages", midnight(2014, 3))
        owner.execute("update messages set recipient = '01012345678'")
    run("retention", "set", "--tenant", "cafe", "--what", "messages", "--months", "7")
    assert "messages of cafe: 1 row would forget" in run("retention", "run", "--dry-run").stdout
    assert "1 messages of cafe have forgotten what they said" in run("retention", "run").stdout
    with instead_of_the_wall_clock(SettableClock(midnight(2015, 4))):
        done = run("retention", "run")
    assert "dropped messages_past" in done.stdout
    assert "warning: no backup was ever taken" in done.stderr


def test_a_run_lets_leave_what_is_due_and_says_so(run: Run, database: Migrated) -> None:
    with owner_of(database.url) as owner:
        put(owner, "messages", midnight(2013, 12))
        told = run("retention", "run").stdout
        assert "dropped messages_past" in told
        assert there(owner, "messages") == set()
    assert json.loads(run("retention", "run", "--json").stdout)["dropped"] == []

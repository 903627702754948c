"""`allim alerts`: what is open, and closing what only a person can close."""

import json
from pathlib import Path

import psycopg
import pytest

from tests.cli.conftest import Run, run
from tests.clock import NOON
from tests.databases import Migrated

__all__ = ["run"]


@pytest.fixture(autouse=True)
def _in_the_cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: Migrated) -> None:
    monkeypatch.setenv("ALLIM_HOME", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", database.url)
    with psycopg.connect(database.url) as connection:
        connection.execute("insert into tenants (id, name) values ('saas', '모아오피스'), ('learning', '배움터')")
        connection.execute(
            "insert into alerts (tenant, kind, detail, raised_at) values"
            " ('saas', 'payment_disputed', 'order o-1: another amount', %(now)s),"
            " ('saas', 'plan_ended', 'the last try was refused', %(now)s),"
            " ('learning', 'plan_ended', 'the last try was refused', %(now)s)",
            {"now": NOON},
        )


def _open(run: Run, *arguments: str) -> list[tuple[str, str]]:
    told = json.loads(run("alerts", "list", "--json", *arguments).stdout)
    return [(alert["tenant"], alert["kind"]) for alert in told]


def test_what_is_open_is_listed_with_its_detail(run: Run) -> None:
    assert "order o-1: another amount" in run("alerts", "list").stdout
    assert _open(run, "--tenant", "learning") == [("learning", "plan_ended")]


def test_one_that_is_closed_is_no_longer_open_and_the_others_are(run: Run) -> None:
    assert run("alerts", "close", "--tenant", "saas", "--kind", "plan_ended").exit_code == 0
    assert _open(run) == [("learning", "plan_ended"), ("saas", "payment_disputed")]


def test_what_is_not_open_cannot_be_closed(run: Run) -> None:
    asked = run("alerts", "close", "--tenant", "learning", "--kind", "payment_disputed")
    assert (asked.exit_code, "no_alert" in asked.stderr) == (1, True)
    assert len(_open(run)) == 3


@pytest.mark.parametrize("verb", [("list",), ("list", "--json"), ("close", "--kind", "plan_ended")], ids="-".join)
def test_a_tenant_that_there_is_not_is_told_apart_from_one_without_alerts(run: Run, verb: tuple[str, ...]) -> None:
    refused = run("alerts", *verb, "--tenant", "learnin")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr == (
        "error: unknown_tenant: there is no tenant learnin; did you mean learning? (등록되지 않은 고객사입니다.)\n"
    )


@pytest.mark.parametrize("address", ["nonsense", "postgres//u:secret@h/x", "postgresql://u:secret@h:port/x"])
def test_an_address_that_is_none_is_refused_at_once_and_not_repeated(
    run: Run, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", address)
    for refused in (run("alerts", "list"), run("messages"), run("dead-letters", "list")):
        assert (refused.exit_code, refused.stderr.count("\n"), "secret" in refused.stderr) == (1, 1, False)
        assert refused.stderr.startswith("error: bad_database_url: ")

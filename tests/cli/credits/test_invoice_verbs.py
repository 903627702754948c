"""`allim invoices`: days that were compared, and comparing one now."""

import json
from pathlib import Path

import psycopg
import pytest

from tests.cli.conftest import Run, run
from tests.clock import NOON
from tests.databases import Migrated

__all__ = ["run"]

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


@pytest.fixture(autouse=True)
def _in_the_cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: Migrated) -> None:
    monkeypatch.setenv("ALLIM_HOME", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", database.url)
    monkeypatch.delenv("ALLIM_ENCRYPTION_KEY", raising=False)
    with psycopg.connect(database.url) as connection:
        connection.execute("insert into tenants (id, name) values ('saas', '모아오피스')")
        connection.execute(
            "insert into provider_accounts (tenant, id, provider, sender, credentials, identity)"
            " values ('saas', 'main', 'solapi', '0212345678', 'sealed'::bytea, 'the-identity')"
        )
        for day, sent in (("2026-11-19", 3), ("2026-11-20", 5)):
            connection.execute(
                "insert into invoice_days (identity, provider, day, sent, charged, billed, taken, compared_at)"
                " values ('the-identity', 'solapi', %s, %s, 100, 7, 126, %s)",
                (day, sent, NOON),
            )
        connection.execute(
            "insert into invoice_differences (identity, day, channel, reason, messages, won) values"
            " ('the-identity', '2026-11-20', 'sms', 'charged_twice', 2, 36),"
            " ('the-identity', '2026-11-20', '', 'price_differs', 7, 1.5)"
        )


def test_the_newest_days_come_first_with_what_differs_and_why(run: Run) -> None:
    told = run("invoices", "list").stdout
    assert told.index("2026-11-20") < told.index("2026-11-19")
    assert "charged_twice sms 2" in told
    assert "price_differs all 7" in told


def test_a_program_reads_both_counts_of_one_day_of_one_provider(run: Run) -> None:
    [day] = json.loads(run("invoices", "list", "--day", "2026-11-20", "--provider", "solapi", "--json").stdout)
    assert (day["tenant"], day["account"], day["sent"], day["billed"]) == ("saas", "main", 5, 7)
    assert [(each["channel"], each["reason"], each["messages"]) for each in day["differences"]] == [
        (None, "price_differs", 7),
        ("sms", "charged_twice", 2),
    ]
    assert json.loads(run("invoices", "list", "--provider", "nhn", "--json").stdout) == []


def test_what_is_no_day_is_told(run: Run) -> None:
    for verb in ("list", "run"):
        asked = run("invoices", verb, "--day", "yesterday")
        assert (asked.exit_code, "bad_day" in asked.stderr) == (1, True)


def test_without_keys_nobody_is_asked(run: Run) -> None:
    asked = run("invoices", "run", "--day", "2026-11-20")
    assert (asked.exit_code, "no_keys" in asked.stderr) == (1, True)


def test_a_day_on_which_nothing_was_sent_asks_nobody(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLIM_ENCRYPTION_KEY", KEY)
    asked = run("invoices", "run", "--day", "2026-11-20", "--json")
    assert asked.exit_code == 0
    assert json.loads(asked.stdout) == {"compared": 0, "differing": 0, "not_asked": 0, "left": 0}

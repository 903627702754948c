"""Months whose rows leave: what is proven of them stays, and adds up with what is there."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator

import psycopg
import pytest
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from shared.credits.ledger.audit import audit, audit_of_all, disagreements, prove_and_audit
from shared.credits.ledger.audit_store import disown_proofs
from shared.platform.database import Database
from tests.clock import SettableClock
from tests.credits.ledger.audit.conftest import close_months, make_months, pay
from tests.databases import Migrated

OF_A_MONTH = 200


@pytest.fixture
def months(database: Migrated) -> list[dt.date]:
    """Four months in which messages were paid for. The first three are closed."""
    months = make_months(database.url, 4)
    pay(database.url, months, OF_A_MONTH)
    close_months(database.url, months[:-1])
    return months


@pytest.fixture
async def reconcile(database: Migrated) -> AsyncIterator[Database]:
    """As the role of the nightly audit."""
    pool = Database(database.role_url("allim_reconcile"), pool_size=1)
    yield pool
    await pool.close()


def _is_proven(database: Migrated, *parts: str) -> list[bool]:
    with psycopg.connect(database.url) as owner:
        return [bool(owner.execute("select months.is_proven(%s)", [part]).fetchone() == (True,)) for part in parts]


def _leave(database: Migrated, *parts: str) -> None:
    """As retention lets them: detached, dropped, and of no parent any more."""
    with psycopg.connect(database.url) as owner:
        for part in parts:
            parent = part[: -len("_2026_01")] if not part.endswith("_past") else part.removesuffix("_past")
            names = {"parent": sql.Identifier(parent), "part": sql.Identifier(part)}
            owner.execute(sql.SQL("alter table {parent} detach partition months.{part}").format(**names))
            owner.execute(sql.SQL("drop table months.{part}").format(**names))
            owner.execute("delete from partitions where name = %s", [part])


async def test_messages_are_proven_when_all_entries_are_that_list_them(
    database: Migrated, months: list[dt.date], reconcile: Database
) -> None:
    first, third = (f"messages{months[at]:_%Y_%m}" for at in (0, 2))
    second_entries = f"ledger_entries{months[1]:_%Y_%m}"
    assert _is_proven(database, first, second_entries) == [False, False]
    await prove_and_audit(reconcile, SettableClock())
    # Entries of the month that is open list messages of the third.
    assert _is_proven(database, first, second_entries, third) == [True, True, False]
    assert _is_proven(database, f"events{months[0]:_%Y_%m}") == [True]
    with psycopg.connect(database.url) as owner:
        owner.execute("delete from month_proofs where part = %s", [second_entries])
    assert _is_proven(database, first, second_entries) == [False, False]


async def test_the_books_agree_when_messages_and_then_entries_have_left(
    database: Migrated, months: list[dt.date], reconcile: Database
) -> None:
    proven = (await prove_and_audit(reconcile, SettableClock())).audits
    first = f"{months[0]:_%Y_%m}"
    _leave(database, "messages_past", f"messages{first}")
    assert (await audit_of_all(reconcile)).audits == proven
    # The entries of the second month list messages that have left: what was proven of them holds.
    assert (await audit_of_all(reconcile, full=True)).audits == proven
    with psycopg.connect(database.url) as owner:
        owner.execute("update messages set updated_at = updated_at")
    assert (await prove_and_audit(reconcile, SettableClock())).audits == proven
    _leave(database, "ledger_entries_past", f"ledger_entries{first}")
    assert (await audit_of_all(reconcile)).audits == (await audit_of_all(reconcile, full=True)).audits == proven
    assert disagreements(proven["cafe"]) == {}


async def test_after_a_restore_only_what_has_left_is_taken_at_its_word(
    database: Migrated, months: list[dt.date], reconcile: Database
) -> None:
    await prove_and_audit(reconcile, SettableClock())
    first = f"{months[0]:_%Y_%m}"
    _leave(database, "messages_past", f"messages{first}")
    with psycopg.connect(database.url) as owner:  # as in a database that was just filled
        owner.execute("update partitions set changes = 0, closed_at = null")
    pool = Database(database.url, pool_size=1)
    async with pool.transaction() as connection:
        await disown_proofs(connection)
    await pool.close()
    books = await audit_of_all(reconcile)
    assert disagreements(books.audits["cafe"]) == {}
    ends = [f"{month:_%Y_%m}" for month in months]
    believed = {part.name for part in books.parts} - set(books.recomputed)
    # Of the second month's entries some list messages that have left. (Those of the past list none.)
    assert believed == {f"ledger_entries{end}" for end in ends[:2]}


async def test_who_audits_each_night_can_take_away_no_proof_that_is_in_force(
    database: Migrated, months: list[dt.date], reconcile: Database
) -> None:
    await prove_and_audit(reconcile, SettableClock())
    part = f"messages{months[0]:_%Y_%m}"
    with psycopg.connect(database.role_url("allim_reconcile"), autocommit=True) as night:
        assert night.execute("delete from month_proofs").rowcount == 0
        for change in ("update month_proofs set seen = '{}'", "update month_figures set charged = 0"):
            with pytest.raises(InsufficientPrivilege):
                night.execute(change)
        another = (
            "insert into month_proofs (id, part, seen, proved_at)"
            " values (gen_random_uuid(), %s, jsonb_build_object(%s::text, %s::int), 'epoch')"
        )
        with pytest.raises(InsufficientPrivilege, match="row-level security"):
            night.execute(another, [part, part, 1])
        with psycopg.connect(database.url) as owner:
            owner.execute("update partitions set changes = 1 where name = %s", [part])
        assert night.execute("delete from month_proofs where part = %s", [part]).rowcount == 1
        night.execute(another, [part, part, 1])
    assert disagreements(await audit(reconcile))["untraced"] == 2 * OF_A_MONTH

"""What an audit reads: the months that no proof is in force of, and of another only the messages that these list."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import pytest

from shared.credits.ledger.audit import audit_of_all, disagreements, prove_and_audit, together
from shared.credits.ledger.audit_store import ENTRIES, MESSAGES
from shared.platform.clock import first_moment
from shared.platform.database import Database, fetch_all
from shared.platform.ids import first_id
from tests.clock import SettableClock
from tests.credits.ledger.audit.conftest import close_months, make_months, pay
from tests.databases import Migrated

OF_A_MONTH = 500
CHANGE_THE_LAST_BEFORE = """
update messages set tries = 0 where id = (select id from messages where id < %(id)s order by id desc limit 1)
"""
CHARGE_MORE = """
update month_figures set charged = charged + %(won)s from month_proofs m where m.id = proof and part = %(part)s
"""


@pytest.fixture(scope="module")
def months(module_database: Migrated) -> list[dt.date]:
    """Six months in which messages were paid for. All but the last are closed."""
    months = make_months(module_database.url, 6)
    pay(module_database.url, months, OF_A_MONTH)
    close_months(module_database.url, months[:-1])
    return months


@pytest.fixture(scope="module")
async def owner(module_database: Migrated) -> AsyncIterator[Database]:
    database = Database(module_database.url, pool_size=1)
    yield database
    await database.close()


def _scans(plan: dict[str, Any]) -> Iterator[tuple[str, str, int]]:
    """How each partition is read, and how many rows come from it; what was left out or never begun is not read."""
    if "Relation Name" in plan and plan["Actual Loops"]:
        rows = plan["Actual Rows"] * plan["Actual Loops"] + plan.get("Rows Removed by Filter", 0)
        yield plan["Relation Name"], plan["Node Type"], round(rows)
    for part in plan.get("Plans", ()):
        yield from _scans(part)


async def test_of_a_proven_month_only_the_messages_are_read_that_a_later_one_pays_for(
    owner: Database, months: list[dt.date]
) -> None:
    await prove_and_audit(owner, SettableClock())
    books = await audit_of_all(owner)
    [found] = books.audits.values()
    assert disagreements(found) == {}
    assert (found.messages, found.captured, found.charged) == (
        6 * OF_A_MONTH,
        6 * OF_A_MONTH,
        Decimal(120 * OF_A_MONTH),
    )
    last, before = f"{months[-1]:_%Y_%m}", f"{months[-2]:_%Y_%m}"
    assert set(books.recomputed) == {
        f"{parent}{end}" for parent in ("messages", "ledger_entries") for end in (last, "_later")
    }

    [part] = [part for part in books.parts if part.name == f"ledger_entries{last}"]
    (since, until), (least, greatest) = part.moments, part.ids
    read: dict[str, int] = {}
    async with owner.connection() as connection:
        for statement in (MESSAGES, ENTRIES):
            parameters = {"since": since, "until": until, "least": least, "greatest": greatest}
            [row] = await fetch_all(connection, f"explain (analyze, format json) {statement}", parameters)
            for name, how, rows in _scans(row["QUERY PLAN"][0]["Plan"]):
                read[name] = read.get(name, 0) + rows
                assert name.endswith(last) or "Index" in how, f"{name} is read by {how}"
    away = read.pop(f"messages{before}")
    assert 0 < away < OF_A_MONTH / 4
    assert set(read) == {f"messages{last}", f"ledger_entries{last}"}


async def test_a_message_that_changes_has_its_month_read_again_and_those_whose_entries_list_it(
    owner: Database, months: list[dt.date]
) -> None:
    await prove_and_audit(owner, SettableClock())
    async with owner.connection() as connection:
        await fetch_all(connection, CHANGE_THE_LAST_BEFORE, {"id": first_id(first_moment(months[2]))})
    second, third, last = (f"{months[at]:_%Y_%m}" for at in (1, 2, -1))
    still_open = {f"{parent}{end}" for parent in ("messages", "ledger_entries") for end in (last, "_later")}
    changed = {f"messages{second}", f"ledger_entries{second}", f"ledger_entries{third}"}
    assert set((await audit_of_all(owner)).recomputed) == still_open | changed
    assert set((await prove_and_audit(owner, SettableClock())).recomputed) == still_open | changed
    assert set((await audit_of_all(owner)).recomputed) == still_open


async def test_a_full_audit_names_each_proof_that_says_something_else(owner: Database, months: list[dt.date]) -> None:
    await prove_and_audit(owner, SettableClock())
    wronged = f"messages{months[1]:_%Y_%m}"
    async with owner.connection() as connection:
        await fetch_all(connection, CHARGE_MORE, {"won": 7, "part": wronged})
    believed, full = await audit_of_all(owner), await audit_of_all(owner, full=True)
    assert disagreements(together(believed.audits.values())) == {"difference": 7}
    assert disagreements(together(full.audits.values())) == {"disproved": 1}
    assert full.disproved == {"cafe": [wronged]}
    async with owner.connection() as connection:
        await fetch_all(connection, CHARGE_MORE, {"won": -7, "part": wronged})
    assert disagreements(together((await audit_of_all(owner, full=True)).audits.values())) == {}

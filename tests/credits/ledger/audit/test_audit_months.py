"""An audit that takes months at their proofs' word finds what one of everything finds, whatever happens between."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import sql

from shared.credits.ledger.audit import Audit, keep_proofs, read_books
from shared.platform.database import Connection
from tests.clock import SettableClock
from tests.credits.ledger.audit.books import KINDS, TENANTS, Ledger, Places, audit, damaged, ledgers, rows_of, sound
from tests.scratch import Row, Scratch, insertion, rows

MONTHS = 4
"""Of which the last is open."""

Books = Mapping[str, Ledger]


def _months(numbers: range) -> st.SearchStrategy[dict[int, int]]:
    return st.fixed_dictionaries({number: st.integers(0, MONTHS - 1) for number in numbers})


of_message, of_entry = _months(range(9)), _months(range(1, len(KINDS) + 2))


@st.composite
def histories(draw: st.DrawFn) -> list[Books]:
    """The books of some tenants, one state after another: each is the one before with something broken or mended."""
    states: list[Books] = [{tenant: draw(sound() | ledgers()) for tenant in TENANTS}]
    for _ in range(draw(st.integers(1, 3))):
        tenant = draw(st.sampled_from(TENANTS))
        earlier = draw(st.sampled_from(states))[tenant]
        states.append({**states[-1], tenant: draw(damaged(earlier) | st.just(earlier))})
    return states


async def _become(connection: Connection, before: Mapping[str, Sequence[Row]], after: Mapping[str, Any]) -> None:
    """Change the rows that differ, behind the back of all triggers but those that count changes."""
    await connection.execute("set local session_replication_role = replica")
    for table, key in (("credit_accounts", "tenant"), ("ledger_entries", "id"), ("messages", "id")):
        gone = [row for row in before[table] if row not in after[table]]
        come = [row for row in after[table] if row not in before[table]]
        for row in gone:
            delete = sql.SQL("delete from {} where tenant = %s and {} = %s")
            await connection.execute(
                delete.format(sql.Identifier(table), sql.Identifier(key)), [row["tenant"], row[key]]
            )
        if come:
            await connection.execute(*insertion(table, come))
    await connection.execute("set local session_replication_role = origin")


def _found(books: Books) -> dict[str, Audit]:
    return {tenant: audit(ledger) for tenant, ledger in books.items() if not ledger.is_empty}


async def _is_found(connection: Connection, books: Books) -> None:
    """Both ways to audit find what the same sums in Python are. What is recomputed of closed months becomes proofs."""
    incremental = await read_books(connection)
    assert _told(incremental.audits) == _found(books)
    full = await read_books(connection, full=True)
    assert full.audits == incremental.audits
    assert full.disproved == {}
    await keep_proofs(connection, incremental, SettableClock())


def _told(audits: Mapping[str, Audit]) -> dict[str, Audit]:
    """Of a tenant that has nothing any more, proofs that it has nothing are no news."""
    return {tenant: found for tenant, found in audits.items() if found != Audit()}


@settings(max_examples=100)
@given(histories(), of_message, of_entry)
async def test_proofs_are_believed_while_nothing_changed_that_they_were_made_from(
    scratch: Scratch,
    begins: list[dt.datetime],
    history: list[Books],
    of_message: dict[int, int],
    of_entry: dict[int, int],
) -> None:
    places = Places(begins, of_message, of_entry)
    states = [rows_of(books, places) for books in history]
    async with scratch.holding(**states[0]) as connection:
        await _is_found(connection, history[0])
        for before, after, books in zip(states, states[1:], history[1:], strict=False):
            await _become(connection, before, after)
            await _is_found(connection, books)


@settings(max_examples=50)
@given(sound(), of_message, of_entry)
async def test_of_sound_books_each_closed_month_is_proven_and_the_next_audit_reads_none_again(
    scratch: Scratch, begins: list[dt.datetime], ledger: Ledger, of_message: dict[int, int], of_entry: dict[int, int]
) -> None:
    # An entry lists messages of its own month and of earlier ones.
    late = dict.fromkeys(of_entry, MONTHS - 1)
    places = Places(begins, {number: min(month, MONTHS - 2) for number, month in of_message.items()}, late)
    async with scratch.holding(**rows_of({"cafe": ledger}, places)) as connection:
        first = await read_books(connection)
        closed = {part.name for part in first.parts if part.closed}
        assert set(await keep_proofs(connection, first, SettableClock())) == closed
        second = await read_books(connection)
        assert second.audits == first.audits
        assert set(second.recomputed) == {part.name for part in first.parts} - closed
        [proofs] = await rows(connection, "select count(*) from month_proofs")
        assert proofs["count"] == len(closed)

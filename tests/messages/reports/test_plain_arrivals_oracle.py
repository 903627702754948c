"""The short way of reports takes plain arrivals and no others, and leaves what the long way leaves."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.channels import leg_of
from shared.contracts.outcomes import Outcome
from shared.contracts.reports import ProviderReport
from shared.messages.reports import reporting
from shared.messages.reports.plain_store import decide_plain_arrivals
from shared.messages.reports.reporting import Reports, Told, decide, plain_arrivals
from shared.messages.status import Standing, State, Status
from shared.platform.database import Connection, Database
from shared.platform.pubsub import Outgoing
from tests.clock import NOON, SettableClock
from tests.credits.ledger.bookkeeping import BEFORE, MESSAGES, account_row, message_row
from tests.credits.ledger.model import Bill, Books
from tests.scratch import Row, Scratch, mostly, rows

TENANTS = ("cafe", "shop")
DISPATCHES = [UUID(int=2_000_000 + at) for at in range(2)]
ROUTES = (("alimtalk", "sms"), ("alimtalk",), ("sms",))
OPEN = (Status.SENDING, Status.SENT, Status.UNKNOWN)
ARRIVED = (Outcome.DELIVERED, Outcome.READ)
PLENTY = Decimal(1_000_000)

ACCOUNTS = "select tenant, balance, held from credit_accounts order by tenant"
REPORTS = "select * from reports order by tenant, message, attempt, code"
CALLS = "select tenant, id, state::text, check_at, updated_at from dispatches order by tenant, id"
SETTLED = """
select e.tenant, e.kind::text, e.reference, sum(e.balance_change) as won, sum(e.hold_change) as held,
  (
    select array_agg(m.id order by m.id) from ledger_entries l join messages m on m.settlement = l.id
    where l.tenant = e.tenant and l.kind = e.kind and l.reference is not distinct from e.reference
      and m.tenant = e.tenant and m.id = any(l.messages)
  ) as messages
from ledger_entries e group by e.tenant, e.kind, e.reference order by e.tenant, e.kind, e.reference nulls first
"""
WRITTEN = (MESSAGES, ACCOUNTS, REPORTS, CALLS, SETTLED)


@st.composite
def bills(draw: st.DrawFn, number: int) -> Bill:
    """A message at any moment of its life; most are on their way, with their hold open."""
    route = draw(st.sampled_from(ROUTES))
    bill = Bill(
        UUID(int=number),
        route,
        expires_at=NOON,
        run_revision=None,
        status=draw(mostly("sent", "sending", "unknown", "queued", "expired", "failed", "delivered", "read")),
        attempt=draw(mostly(0, 1, 2)),
        position=draw(st.integers(0, len(route) - 1)),
        dispatch=draw(st.sampled_from(DISPATCHES)),
        held=draw(mostly(Decimal(20), None, Decimal(0))),
    )
    bill.open = bill.held is not None and bill.status in ("queued", *draw(mostly(OPEN, ())))
    if bill.status in ("unknown", "expired", "failed"):
        bill.reason = "3005"
    if bill.status in ("delivered", "read") and bill.held is not None:
        bill.price = Decimal(9)
    return bill


@st.composite
def told(draw: st.DrawFn, tenant: str, messages: Sequence[UUID]) -> Told:
    """A word on a message, which may be none of the tenant's; mostly that it has arrived."""
    outcome = draw(mostly(Outcome.DELIVERED, *Outcome))
    report = ProviderReport(
        message=draw(mostly(*messages, UUID(int=99), times=1)),
        attempt=draw(mostly(0, 1, 2)),
        channel=draw(mostly("alimtalk", "sms", "lms", "pigeon", times=2)),
        provider_message_id=draw(mostly("M1", "")),
        code=draw(mostly(f"code {outcome}", "9")),
        outcome=outcome,
        detail=draw(mostly(None, "도착", "a\x00b")),
        at=draw(mostly(BEFORE, None)),
    )
    return Told(tenant, draw(mostly("solapi", "another")), report)


@dataclass(frozen=True)
class Case:
    """Businesses with their messages and prices, and batches of what is said of them."""

    books: Mapping[str, Books]
    batches: Sequence[Sequence[Told]]

    def rows(self) -> dict[str, list[Row]]:
        each_message = [(tenant, bill) for tenant, books in self.books.items() for bill in books.bills.values()]
        return {
            "tenants": [{"id": tenant, "name": tenant} for tenant in self.books],
            "credit_accounts": [account_row(tenant, books) for tenant, books in self.books.items()],
            "messages": [message_row(tenant, bill) for tenant, bill in each_message],
            "dispatches": [
                {
                    "tenant": tenant,
                    "id": id_,
                    "provider": "solapi",
                    "account": "main",
                    "messages": [bill.id for bill in books.bills.values() if bill.dispatch == id_] or [UUID(int=98)],
                    "state": "sent",
                    "check_at": NOON,
                    **dict.fromkeys(("lease_until", "created_at", "updated_at"), BEFORE),
                }
                for tenant, books in self.books.items()
                for id_ in DISPATCHES
            ],
            "prices": [
                {"tenant": tenant, "channel": channel, "valid_from": BEFORE, "price": price}
                for tenant, books in self.books.items()
                for channel, price in books.prices.items()
            ],
        }


@st.composite
def cases(draw: st.DrawFn, batches: int) -> Case:
    books = {
        tenant: Books(
            {channel: draw(mostly(Decimal(10), Decimal(30))) for channel in draw(mostly(("alimtalk", "sms"), ()))},
            balance=PLENTY,
            bills={UUID(int=number): draw(bills(number)) for number in range(draw(st.integers(1, 5)))},
        )
        for tenant in TENANTS
    }
    a_word = st.sampled_from(TENANTS).flatmap(lambda tenant: told(tenant, list(books[tenant].bills)))
    return Case(books, draw(st.lists(st.lists(a_word, min_size=1, max_size=8), min_size=1, max_size=batches)))


class Inside:
    """A database of which all is one transaction, that is undone."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        yield self._connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        async with self._connection.transaction():
            yield self._connection


class Unheard:
    async def publish(self, topic: str, messages: Sequence[Outgoing]) -> None:
        """Tickets are in the outbox too."""


async def _written(scratch: Scratch, case: Case) -> list[list[dict[str, Any]]]:
    """What the tables hold when all is recorded."""
    async with scratch.holding(**case.rows()) as connection:
        reports = Reports(cast(Database, Inside(connection)), Unheard(), SettableClock())
        for batch in case.batches:
            await reports.record(batch)
        return [await rows(connection, statement) for statement in WRITTEN]


@given(cases(batches=3))
async def test_the_short_way_leaves_what_the_long_way_leaves(scratch: Scratch, case: Case) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reporting, "plain_arrivals", lambda told: [])
        by_the_long_way = await _written(scratch, case)
    assert await _written(scratch, case) == by_the_long_way


def _is_plain(case: Case, entry: Told) -> bool:
    bill, report = case.books[entry.tenant].bills.get(entry.report.message), entry.report
    return (
        bill is not None
        and report.outcome in ARRIVED
        and bill.status in OPEN
        and bill.attempt == report.attempt
        and bill.route[bill.position] == leg_of(report.channel)
        and bill.open
        and bill.price is None
    )


@given(cases(batches=1))
async def test_plain_arrivals_are_recorded_and_no_others(scratch: Scratch, case: Case) -> None:
    [batch] = case.batches
    times = Counter((entry.tenant, entry.report.message) for entry in batch)
    alone = [entry for entry in batch if times[entry.tenant, entry.report.message] == 1]
    wanted = {(entry.tenant, entry.report.message) for entry in alone if _is_plain(case, entry)}
    async with scratch.holding(**case.rows()) as connection:
        arrivals = plain_arrivals(batch)
        if arrivals:
            assert await decide_plain_arrivals(connection, arrivals, now=NOON) == wanted
        found = await rows(connection, "select tenant, id, updated_at from messages")
        assert {(row["tenant"], row["id"]) for row in found if row["updated_at"] == NOON} == wanted


@pytest.mark.parametrize("outcome", ARRIVED)
def test_what_an_arrival_changes_is_the_same_whatever_a_message_on_its_way_is_known_to_be(outcome: Outcome) -> None:
    report = ProviderReport(
        message=UUID(int=1), attempt=3, channel="lms", provider_message_id="M1", code="4000", outcome=outcome
    )
    [arrival] = plain_arrivals([Told("cafe", "solapi", report)])
    for status in OPEN:
        standing = Standing("cafe", UUID(int=1), State(3, status), 1, "sms", ("alimtalk", "sms"))
        assert decide(standing, [report]) == arrival.change._replace(position=1)

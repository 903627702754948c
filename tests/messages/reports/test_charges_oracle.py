"""What deliveries cost and what becomes of holds, against the rules of tests.credits.ledger.model."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.credits.ledger.entries import LATE
from shared.messages.reports.store import record_reports_and_decide_charges
from shared.messages.status import Change, State, Status
from tests.clock import NOON
from tests.credits.ledger.bookkeeping import (
    ACCOUNTS,
    EARLIER,
    ENTRIES,
    MESSAGES,
    account_row,
    found_entries,
    found_message,
    message_row,
    rows_of,
)
from tests.credits.ledger.model import ZERO, Bill, Books, Price, current
from tests.credits.ledger.price_lists import price_lists, price_rows, won
from tests.scratch import Row, Scratch, mostly, rows

TENANTS = ("cafe", "shop")
FIRST_ID = "the provider's first id"
ROUTE = ("alimtalk", "sms")


@dataclass(frozen=True)
class Told:
    """A tenant, its prices as they were written, and what was found out about some of its messages."""

    books: Books
    prices: list[Price]
    changes: Mapping[UUID, Change]

    @property
    def delivered(self) -> dict[UUID, str]:
        """The channels on which messages were delivered."""
        return {id_: change.channel for id_, change in self.changes.items() if change.settles == "capture"}


@st.composite
def bills(draw: st.DrawFn, number: int) -> Bill:
    """A message that was handed to a provider: it is on its way, or came to its end without being delivered, or was
    paid for already. A few were never held for."""
    bill = Bill(
        UUID(int=number),
        ROUTE,
        expires_at=NOON,
        run_revision=None,
        position=draw(st.integers(0, 1)),
        attempt=draw(st.integers(0, 3)),
        tries=draw(st.integers(1, 3)),
        dispatch=EARLIER,
        held=draw(mostly(Decimal(20), None, Decimal(0), Decimal(40))),
    )
    bill.open = bill.held is not None
    match draw(st.sampled_from(("sending", "sent", "failed", "failed", "delivered"))):
        case "failed":
            bill.end("failed", "3010")
        case "delivered" if bill.open:
            bill.end("delivered")
            bill.price = draw(won)
        case status:
            bill.status = "sent" if status == "delivered" else status
    return bill


@st.composite
def changes(draw: st.DrawFn, tenant: str, bill: Bill) -> Change:
    """What was found out about a message: that it arrived, or failed, or goes on to its next channel, or waits."""
    settles = draw(mostly("capture", "release", "hold_expiry", None, times=3))
    statuses = {"capture": (Status.DELIVERED, Status.READ), None: (Status.QUEUED, Status.SENT, Status.UNKNOWN)}
    found = State(draw(st.integers(0, 5)), draw(st.sampled_from(statuses.get(settles, (Status.FAILED,)))))
    failed = found.status in (Status.FAILED, Status.UNKNOWN)
    return Change(
        tenant=tenant,
        id=bill.id,
        state=found,
        position=draw(st.integers(0, 1)),
        channel=draw(st.sampled_from(("alimtalk", "sms", "lms"))),
        provider_message_id=draw(st.none() | st.just("another id")),
        reason="3010" if failed else None,
        detail="잘못된 번호" if failed else None,
        requeued=found.status is Status.QUEUED,
        settles=settles,
    )


@st.composite
def told(draw: st.DrawFn, tenant: str) -> Told:
    """What is not held suffices for all late deliveries, for nothing, or just for the first of them, or a won less."""
    prices = draw(price_lists("alimtalk", "sms", "lms"))
    books = Books(current(prices, NOON))
    numbers = draw(st.lists(st.integers(0, 7), min_size=2, max_size=6, unique=True))
    books.bills = {UUID(int=number): draw(bills(number)) for number in numbers}
    spoken_of = draw(mostly(numbers, numbers[1:]))
    case = Told(books, prices, {UUID(int=n): draw(changes(tenant, books.bills[UUID(int=n)])) for n in spoken_of})
    late = [id_ for id_ in sorted(case.delivered) if not books.bills[id_].open and books.bills[id_].price is None]
    paid_for = late[: draw(st.integers(0, len(late)))]
    enough = sum((books.charge(books.bills[id_], case.delivered[id_]) for id_ in paid_for), ZERO)
    books.balance = books.held + max(ZERO, enough - draw(mostly(0, 1, times=2)))
    return case


def _rows_of(cases: Mapping[str, Told]) -> dict[str, list[Row]]:
    return {
        **rows_of({tenant: case.books for tenant, case in cases.items()}),
        "messages": [
            message_row(tenant, bill, provider_message_id=FIRST_ID)
            for tenant, case in cases.items()
            for bill in case.books.bills.values()
        ],
        "prices": [row for tenant, case in cases.items() for row in price_rows(tenant, case.prices)],
    }


def _found(tenant: str, bill: Bill, was: Bill, change: Change | None) -> Row:
    if change is None:
        return found_message(tenant, bill, was, provider_message_id=FIRST_ID)
    again = change.requeued
    return found_message(
        tenant,
        bill,
        was,
        status=change.state.status,
        reason=change.reason,
        detail=change.detail,
        channel=change.channel if was.price is None else ROUTE[was.position],
        provider_message_id=None if again else change.provider_message_id or FIRST_ID,
        dispatch=None if again else was.dispatch,
        attempt=change.state.attempt,
        position=change.position,
        tries=0 if again else was.tries,
        updated_at=NOON,
    )


def _settled(case: Told, bills: Mapping[UUID, Bill], settles: str) -> list[Bill]:
    """Those whose hold has ended like this."""
    ended = [id_ for id_, change in case.changes.items() if change.settles == settles]
    return [bills[id_] for id_ in ended if case.books.bills[id_].open]


@given(st.fixed_dictionaries({tenant: told(tenant) for tenant in TENANTS}))
async def test_what_is_charged_and_given_back_is_what_the_rules_say(
    scratch: Scratch, cases: Mapping[str, Told]
) -> None:
    messages, accounts, entries = [], [], []
    for tenant, case in sorted(cases.items()):
        books, was = deepcopy(case.books), case.books.bills
        books.capture(case.delivered)
        for id_, change in case.changes.items():
            if change.settles:
                books.bills[id_].open = False
        messages += [_found(tenant, bill, was[id_], case.changes.get(id_)) for id_, bill in sorted(books.bills.items())]
        accounts.append(account_row(tenant, books))
        entries += found_entries(tenant, "capture", _settled(case, books.bills, "capture"))
        entries += found_entries(tenant, "capture", [bill for bill in books.bills.values() if bill.late], late=LATE)
        entries += found_entries(tenant, "hold_expiry", _settled(case, books.bills, "hold_expiry"))
        entries += found_entries(tenant, "release", _settled(case, books.bills, "release"))
    async with scratch.holding(**_rows_of(cases)) as connection:
        await record_reports_and_decide_charges(
            connection,
            reports=[],
            changes=[change for case in cases.values() for change in case.changes.values()],
            tickets=[],
            topics={},
            now=NOON,
            publish_at=NOON,
        )
        assert await rows(connection, MESSAGES) == messages
        assert await rows(connection, ACCOUNTS) == accounts
        assert await rows(connection, ENTRIES, now=NOON) == entries

"""Businesses with messages that wait to be sent, in any state, as rows and as the rules of credits see them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from shared.contracts.tickets import SendTicket
from shared.platform.pubsub import SEND_REQUESTS
from tests.clock import NOON
from tests.credits.ledger.bookkeeping import BEFORE, EARLIER, account_row, message_row
from tests.credits.ledger.model import ZERO, Account, Bill, Books, Price, current
from tests.credits.ledger.price_lists import price_lists, price_rows
from tests.messages.dispatch.choice.numbers import sender_row
from tests.scratch import INSTANT, Row, mostly

TENANTS = ("cafe", "shop")
STRANGER, BYSTANDER = "stranger", "bystander"
"""One that is no tenant, and one that is not spoken of."""

DISPATCHES = {tenant: UUID(int=1_000 + at) for at, tenant in enumerate((*TENANTS, STRANGER))}
ROUTES = (("sms",), ("alimtalk",), ("alimtalk", "sms"), ("sms", "alimtalk"), ("alimtalk", "pigeon", "sms"))


@dataclass(frozen=True)
class Business:
    """A tenant as it is before the claim."""

    books: Books
    prices: Sequence[Price]
    revision: int


accounts = st.lists(
    st.builds(
        Account,
        id=st.sampled_from(("main", "other", "third")),
        provider=st.sampled_from(("solapi", "sens")),
        since=st.sampled_from((BEFORE, NOON)),
        active=mostly(True, False, times=2),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda account: account.id,
)


@st.composite
def bills(draw: st.DrawFn, number: int) -> Bill:
    """A message, most often one that waits to be sent, for the first time or again."""
    route = draw(st.sampled_from(ROUTES))
    bill = Bill(
        UUID(int=number),
        route,
        expires_at=draw(mostly(NOON + dt.timedelta(hours=1), NOON - INSTANT, NOON)),
        run_revision=draw(mostly(None, 1, 2, times=3)),
        unless=draw(mostly((), ("confirmed",), ("paid", "confirmed"), times=2)),
        position=draw(st.integers(0, len(route) - 1)),
        attempt=draw(st.integers(0, 3)),
        tries=draw(st.integers(0, 3)),
        held=draw(mostly(None, *map(Decimal, (0, 5, 40)))),
    )
    # One that goes on in spite of its end was held for, and that is settled.
    bill.open = bill.held is not None and draw(mostly(True, False, times=2))
    status = draw(mostly("queued", "sending", "failed", "delivered", times=9))
    if status != "queued":
        bill.dispatch, bill.status = EARLIER, status
        if status != "sending":
            bill.end(status, "earlier" if status == "failed" else None)
    return bill


@st.composite
def businesses(draw: st.DrawFn) -> Business:
    """A tenant whose credit suffices for all, for nothing, or just for the first of its messages, or a won less."""
    prices = draw(price_lists("alimtalk", "sms", "lms", "pigeon"))
    books = Books(
        current(prices, NOON),
        waits=draw(st.booleans()),
        short=draw(st.booleans()),
        accounts=draw(accounts),
        run_revision=draw(mostly(1, 2, 0)),
        facts=draw(mostly((), ("confirmed",), ("paid", "another"), times=2)),
        suspended=draw(mostly(False, True, times=3)),
        workflow_off=draw(mostly(False, True, times=3)),
    )
    numbers = draw(st.lists(st.integers(0, 7), min_size=3, max_size=6, unique=True))
    books.bills = {UUID(int=number): draw(bills(number)) for number in numbers}
    queued = [bill for _, bill in sorted(books.bills.items()) if bill.status == "queued"]
    enough = sum((books.need(bill) for bill in queued[: draw(st.integers(0, len(queued)))]), ZERO)
    books.balance = books.held + max(ZERO, enough - draw(mostly(0, 1, times=2)))
    return Business(books, prices, revision=draw(st.integers(1, 9)))


@st.composite
def tickets(draw: st.DrawFn) -> list[SendTicket]:
    """Of one tenant, or of several at once; they name messages that there are or are not, some of them twice."""
    tenants = draw(st.permutations(TENANTS)) + draw(st.lists(st.sampled_from((*TENANTS, STRANGER)), max_size=2))
    numbers = st.lists(st.integers(0, 8), min_size=1, max_size=3)
    tickets = []
    for at, tenant in enumerate(tenants[draw(mostly(0, 1)) :]):
        left_out = draw(numbers)
        messages = [*(number for number in range(8) if number not in left_out), *draw(numbers)]
        tickets.append(
            SendTicket(id=UUID(int=3_000 + at), tenant=tenant, messages=tuple(UUID(int=n) for n in messages))
        )
    return tickets


def as_rows(businesses: Mapping[str, Business], tickets: Sequence[SendTicket]) -> dict[str, list[Row]]:
    """The rows of it all."""
    every = [(tenant, business, business.books) for tenant, business in businesses.items()]
    return {
        "tenants": [
            {
                "id": tenant,
                "name": tenant,
                "revision": business.revision,
                "suspended_at": BEFORE if books.suspended else None,
            }
            for tenant, business, books in every
        ],
        "runs": [
            {
                "tenant": tenant,
                "workflow": "reminders",
                "key": "the-run",
                "version": 1,
                "revision": books.run_revision,
                "started_as_of": BEFORE,
                # One that was heard before the run began speaks of another run of that key.
                "facts": dict.fromkeys(books.facts, BEFORE.isoformat())
                | {"paid before": (BEFORE - INSTANT).isoformat()},
            }
            for tenant, _, books in every
            if books.run_revision
        ],
        "workflows": [
            {"tenant": tenant, "name": name, "active_version": 1, "active": is_off == books.workflow_off}
            for tenant, _, books in every
            for name, is_off in (("reminders", False), ("another", True))
        ],
        "provider_accounts": [
            {
                "tenant": tenant,
                "id": account.id,
                "provider": account.provider,
                "sender": "0212345678",
                "credentials": "",
                "active": account.active,
                "created_at": account.since,
            }
            for tenant, _, books in every
            for account in books.accounts
        ],
        "sender_numbers": [sender_row(tenant, "0212345678") for tenant, _, _ in every],
        "prices": [row for tenant, business, _ in every for row in price_rows(tenant, business.prices)],
        "credit_accounts": [
            {**account_row(tenant, books), "wait_for_credit": books.waits} for tenant, _, books in every
        ],
        "alerts": [
            {"tenant": tenant, "kind": "credit_shortage", "detail": "earlier", "raised_at": BEFORE}
            for tenant, _, books in every
            if books.short
        ],
        "customers": [
            {"tenant": customers_of, "id": _customer(bill), "as_of": BEFORE, **_addresses(bill)}
            for tenant, _, books in every
            for bill in books.bills.values()
            for customers_of in ((tenant,) if customer_known(bill) else (f"another {tenant}",))
        ],
        "customer_devices": [
            {"tenant": tenant, "token": token, "customer": _customer(bill), "added_at": NOON - at * INSTANT}
            for tenant, _, books in every
            for bill in books.bills.values()
            if customer_known(bill)
            for at, token in enumerate(_devices(bill))
        ],
        "messages": [_message(tenant, bill) for tenant, _, books in every for bill in books.bills.values()],
        "outbox": [
            {
                "tenant": tenant,
                "id": ticket.id,
                "topic": SEND_REQUESTS,
                "body": {"id": ticket.id, "tenant": tenant, "messages": ticket.messages},
                "publish_at": BEFORE,
                "created_at": BEFORE,
            }
            for ticket in tickets
            for tenant in (ticket.tenant, BYSTANDER)
        ],
    }


def told(tenant: str, bill: Bill) -> dict[str, Any]:
    """What a claim tells of a message to whoever sends it: another thing of each."""
    return {
        "customer": _customer(bill),
        "recipient": f"010{bill.id.int:08}",
        "template": f"{tenant}-{bill.id.int}",
        "template_version": 1 + bill.id.int,
        "variables": {"number": str(bill.id.int)},
        "position": bill.position,
        "attempt": bill.attempt,
    }


def reached(bill: Bill) -> dict[str, Any]:
    """What it tells of the customer whom a message is for."""
    known, addresses = customer_known(bill), _addresses(bill)
    return {
        "customer_known": known,
        "email": addresses["email"] if known else None,
        "email_bounced": known and addresses["email_bounced_at"] is not None,
        "unsubscribed": known and addresses["email_unsubscribed_at"] is not None,
        "devices": (_devices(bill) if known else []) if bill.route[bill.position] == "push" else None,
    }


def customer_known(bill: Bill) -> bool:
    """Whether the tenant has the customer whom it is for. If not, another one has."""
    return bill.id.int % 3 > 0


def _customer(bill: Bill) -> str:
    return f"c-{bill.id.int}"


def _addresses(bill: Bill) -> dict[str, Any]:
    number = bill.id.int
    return {
        "email": f"c-{number}@example.com" if number % 4 else None,
        "email_bounced_at": BEFORE if number % 2 else None,
        "email_unsubscribed_at": BEFORE if number % 5 == 0 else None,
    }


def _devices(bill: Bill) -> list[str]:
    """The newest first."""
    return [f"token {bill.id.int} {at}" for at in range(bill.id.int % 3)]


def _message(tenant: str, bill: Bill) -> Row:
    of_run, of_bulk = bill.run_revision is not None, bill.id.int % 2  # a bulk send's key may be that of a run
    return message_row(
        tenant,
        bill,
        **told(tenant, bill),
        workflow="reminders" if of_run else None,
        run_key="the-run" if of_run or of_bulk else None,
        run_revision=bill.run_revision,
        unless=[*bill.unless, "paid before"] if bill.unless else None,
    )

"""What becomes of queued messages when their tickets are taken, against the rules of tests.credits.ledger.model."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from copy import deepcopy
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.tickets import SendTicket
from shared.messages.dispatch.store import (
    CREDIT_RECHECK,
    SUSPENSION_RECHECK,
    Claimed,
    decide_claims,
    decide_claims_unless_locked,
)
from shared.messages.reasons import SENTENCES, WAITING_FOR_CREDIT
from shared.platform.database import Connection
from shared.platform.pubsub import SEND_REQUESTS
from tests.clock import NOON
from tests.credits.ledger.bookkeeping import (
    ACCOUNTS,
    BEFORE,
    ENTRIES,
    MESSAGES,
    TICKETS,
    account_row,
    found_entries,
    found_message,
    found_ticket,
)
from tests.credits.ledger.model import Account, Bill
from tests.messages.dispatch.claims import (
    BYSTANDER,
    DISPATCHES,
    TENANTS,
    Business,
    as_rows,
    businesses,
    reached,
    tickets,
    told,
)
from tests.scratch import Row, Scratch, rows

LEASE_UNTIL = NOON + dt.timedelta(minutes=1)

DISPATCHED = """
select tenant, id, provider, account, state::text, lease_until, created_at, updated_at,
  (select array_agg(id order by id) from unnest(messages) as m (id)) as messages
from dispatches order by tenant
"""
ALERTS = "select tenant, kind, detail, raised_at, resolved_at = 'infinity' as open from alerts order by tenant"


class Expected:
    """What tickets should leave behind that were taken from businesses, by the rules."""

    def __init__(self, businesses: Mapping[str, Business], tickets: Sequence[SendTicket]) -> None:
        self.messages: list[Row] = []
        self.accounts: list[Row] = []
        self.entries: list[Row] = []
        self.dispatches: list[Row] = []
        self.alerts: list[Row] = []
        self.tickets = [found_ticket(BYSTANDER, ticket.messages, BEFORE, BEFORE) for ticket in tickets]
        self.claimed: list[Claimed] = []
        for tenant, business in sorted(businesses.items()):
            self._claim(tenant, business, [id_ for t in tickets if t.tenant == tenant for id_ in t.messages])

    def _claim(self, tenant: str, business: Business, asked: Sequence[UUID]) -> None:
        books, was = deepcopy(business.books), business.books.bills
        waiting = books.claim([id_ for id_ in asked if id_ in was], DISPATCHES[tenant], NOON)
        bills = [books.bills[id_] for id_ in sorted(books.bills)]
        sending = [bill for bill in bills if bill.dispatch == DISPATCHES[tenant]]
        self.messages += [_message(tenant, bill, was[bill.id], books.account) for bill in bills]
        self.accounts.append(account_row(tenant, books))
        self.entries += found_entries(tenant, "hold", [bill for bill in sending if not was[bill.id].open])
        self.entries += found_entries(tenant, "release", [b for b in bills if was[b.id].open and not b.open])
        if books.short:
            known = business.books.short
            detail, raised_at = ("earlier", BEFORE) if known else (WAITING_FOR_CREDIT, NOON)
            row = {"kind": "credit_shortage", "detail": detail, "raised_at": raised_at, "open": True}
            self.alerts.append({"tenant": tenant, **row})
        if waiting:
            recheck = SUSPENSION_RECHECK if books.suspended else CREDIT_RECHECK
            self.tickets.append(found_ticket(tenant, waiting, NOON + recheck))
        if sending and books.account:
            self.dispatches.append(_dispatch(tenant, books.account, [bill.id for bill in sending]))
            self.claimed += [_claimed(tenant, bill, books.account, business.revision) for bill in sending]


def _message(tenant: str, bill: Bill, was: Bill, account: Account | None) -> Row:
    touched = bill != was
    return found_message(
        tenant,
        bill,
        was,
        detail=SENTENCES[bill.reason] if touched and bill.reason else None,
        provider=account.provider if account and touched and bill.status == "sending" else None,
    )


def _dispatch(tenant: str, account: Account, messages: Sequence[UUID]) -> Row:
    return {
        "tenant": tenant,
        "id": DISPATCHES[tenant],
        "provider": account.provider,
        "account": account.id,
        "state": "open",
        "lease_until": LEASE_UNTIL,
        "created_at": NOON,
        "updated_at": NOON,
        "messages": messages,
    }


def _claimed(tenant: str, bill: Bill, account: Account, revision: int) -> Claimed:
    return Claimed(
        tenant=tenant,
        id=bill.id,
        dispatch=DISPATCHES[tenant],
        account=account.id,
        provider=account.provider,
        revision=revision,
        leg=bill.route[bill.position],
        **reached(bill),
        **told(tenant, bill),
    )


async def _claim(connection: Connection, tickets: Sequence[SendTicket], *, patient: bool) -> list[Claimed]:
    """Claim them. Whether that would wait for credit makes no difference while nobody holds any."""
    dispatches = {ticket.tenant: DISPATCHES[ticket.tenant] for ticket in tickets}
    if patient:
        return await decide_claims(
            connection, tickets, dispatches, topic=SEND_REQUESTS, now=NOON, lease_until=LEASE_UNTIL
        )
    claimed, held_up = await decide_claims_unless_locked(
        connection, tickets, dispatches, topic=SEND_REQUESTS, now=NOON, lease_until=LEASE_UNTIL
    )
    assert held_up == set()
    return claimed


@given(st.fixed_dictionaries({tenant: businesses() for tenant in TENANTS}), tickets(), st.booleans())
async def test_what_becomes_of_queued_messages_is_what_the_rules_say(
    scratch: Scratch, businesses: Mapping[str, Business], tickets: Sequence[SendTicket], patient: bool
) -> None:
    expected = Expected(businesses, tickets)
    async with scratch.holding(**as_rows(businesses, tickets)) as connection:
        claimed = await _claim(connection, tickets, patient=patient)
        assert await rows(connection, MESSAGES) == expected.messages
        assert await rows(connection, ACCOUNTS) == expected.accounts
        assert await rows(connection, ENTRIES, now=NOON) == expected.entries
        assert await rows(connection, DISPATCHED) == expected.dispatches
        assert await rows(connection, ALERTS) == expected.alerts
        assert await rows(connection, TICKETS) == expected.tickets
    assert sorted(claimed, key=lambda each: (each.tenant, each.id)) == expected.claimed

"""Bills of the model as rows: put into a database, and as they have to be found there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from shared.platform.pubsub import SEND_REQUESTS
from tests.clock import NOON
from tests.credits.ledger.model import ZERO, Bill, Books
from tests.scratch import Row

BEFORE = NOON - dt.timedelta(days=1)
"""When all rows were written that a statement finds at noon."""

HOLD, SETTLEMENT, EARLIER = (UUID(int=1_000_000 + at) for at in range(3))
"""The entries of messages from before, and their dispatch."""

MESSAGES = """
select tenant, id, status::text, reason, detail, channel, provider, provider_message_id, dispatch, attempt, position,
  tries, held, price, hold is not null and settlement is null as open, updated_at
from messages order by tenant, id
"""
ACCOUNTS = "select tenant, balance, held from credit_accounts order by tenant"
ENTRIES = """
select tenant, kind::text, balance_change, hold_change, reference, cardinality(messages) as listed,
  (
    select array_agg(m.id order by m.id) from messages m
    where m.tenant = e.tenant and m.id = any(e.messages)
      and e.id = case e.kind when 'hold' then m.hold else m.settlement end
  ) as messages,
  key = kind::text || '/' || id and created_at = %(now)s as named_and_dated
from ledger_entries e order by tenant, kind, reference nulls first
"""
"""Each with those of its messages that name it."""

TICKETS = """
select tenant, topic, body ->> 'id' = id::text as names_itself, publish_at, created_at,
  array(select id::uuid from jsonb_array_elements_text(body -> 'messages') as l (id) order by id) as messages
from outbox order by tenant, id
"""


def rows_of(books: Mapping[str, Books]) -> dict[str, list[Row]]:
    """Tenants, their credit and their messages. What more a test knows of a message it adds itself."""
    return {
        "tenants": [{"id": tenant, "name": tenant} for tenant in books],
        "credit_accounts": [account_row(tenant, each) for tenant, each in books.items()],
        "messages": [message_row(tenant, bill) for tenant, each in books.items() for bill in each.bills.values()],
    }


def account_row(tenant: str, books: Books) -> Row:
    return {"tenant": tenant, "balance": books.balance, "held": books.held}


def message_row(tenant: str, bill: Bill, **more: Any) -> Row:
    """A message as it was before."""
    return {
        "tenant": tenant,
        "id": bill.id,
        "customer": "c-1",
        "template": "hello",
        "template_version": 1,
        "route": bill.route,
        "deadlines": [60 + leg for leg in range(len(bill.route))],
        "position": bill.position,
        "attempt": bill.attempt,
        "tries": bill.tries,
        "channel": bill.route[bill.position],
        "status": bill.status,
        "reason": bill.reason,
        "dispatch": bill.dispatch,
        "hold": None if bill.held is None else HOLD,
        "held": bill.held,
        "settlement": None if bill.held is None or bill.open else SETTLEMENT,
        "price": bill.price,
        "due_at": BEFORE,
        "expires_at": bill.expires_at,
        "created_at": BEFORE,
        "updated_at": BEFORE,
        **more,
    }


def found_message(tenant: str, bill: Bill, was: Bill, **more: Any) -> Row:
    """A message as `MESSAGES` has to find it, once it has become `bill`."""
    return {
        "tenant": tenant,
        "id": bill.id,
        "status": bill.status,
        "reason": bill.reason,
        "detail": None,
        "channel": bill.route[was.position],
        "provider": None,
        "provider_message_id": None,
        "dispatch": bill.dispatch,
        "attempt": bill.attempt,
        "position": bill.position,
        "tries": bill.tries,
        "held": bill.held,
        "price": bill.price,
        "open": bill.open,
        "updated_at": BEFORE if bill == was else NOON,
        **more,
    }


def found_entries(tenant: str, kind: str, bills: Sequence[Bill], *, late: str | None = None) -> list[Row]:
    """As `ENTRIES` has to find it: one entry for all of these messages, and none for none. `late`: the reference of one
    that finds no hold any more."""
    held = sum((bill.held or ZERO for bill in bills), ZERO)
    row = {
        "tenant": tenant,
        "kind": kind,
        "balance_change": -sum((bill.price or ZERO for bill in bills), ZERO) if kind == "capture" else ZERO,
        "hold_change": held if kind == "hold" else ZERO if late else -held,
        "reference": late,
        "listed": len(bills),
        "messages": sorted(bill.id for bill in bills),
        "named_and_dated": True,
    }
    return [row] if bills else []


def found_ticket(tenant: str, messages: Iterable[UUID], publish_at: dt.datetime, created_at: dt.datetime = NOON) -> Row:
    """As `TICKETS` has to find it."""
    return {
        "tenant": tenant,
        "topic": SEND_REQUESTS,
        "names_itself": True,
        "publish_at": publish_at,
        "created_at": created_at,
        "messages": sorted(messages),
    }

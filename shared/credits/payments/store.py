"""SQL of payments. One function a statement; only when an order is asked about again is decided here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from shared.platform.database import Connection, fetch_all
from shared.platform.logs import log
from shared.platform.loops.sweeps import put_off


class Order(NamedTuple):
    """A payment that a tenant makes or made, in whole won."""

    tenant: str
    id: str
    amount: Decimal
    purpose: str
    status: str
    payment_key: str | None
    method: str | None
    deposit_secret: str | None
    cancelled: Decimal
    reversals: int
    failure_code: str | None
    failure_detail: str | None
    created_at: dt.datetime
    updated_at: dt.datetime


_ORDER_COLUMNS = """tenant, id, amount, purpose, status::text, payment_key, method, deposit_secret, cancelled,
  reversals, failure_code, failure_detail, created_at, updated_at"""

INSERT_ORDER = f"""
insert into payment_orders (tenant, id, amount, purpose, status, created_at, updated_at)
values (%(tenant)s, %(id)s, %(amount)s, %(purpose)s, %(status)s::order_status, %(now)s, %(now)s)
on conflict (tenant, id) do nothing
returning {_ORDER_COLUMNS}
"""


async def insert_order(
    connection: Connection, tenant: str, order: str, amount: Decimal, purpose: str, status: str, now: dt.datetime
) -> Order | None:
    """Write an order before anything is paid. None: there is one of that id."""
    parameters = {"tenant": tenant, "id": order, "amount": amount, "purpose": purpose, "status": status, "now": now}
    rows = await fetch_all(connection, INSERT_ORDER, parameters)
    return Order(**rows[0]) if rows else None


LOCK_ORDER = f"select {_ORDER_COLUMNS} from payment_orders where id = %(id)s for update"


async def lock_order(connection: Connection, order: str) -> Order | None:
    """An order by its id, ours alone until the transaction ends."""
    rows = await fetch_all(connection, LOCK_ORDER, {"id": order})
    return Order(**rows[0]) if rows else None


ORDERS = f"""
select {_ORDER_COLUMNS} from payment_orders where tenant = %(tenant)s order by created_at desc limit %(limit)s
"""


async def read_orders(connection: Connection, tenant: str, limit: int) -> list[Order]:
    """A tenant's payment history, newest first."""
    return [Order(**row) for row in await fetch_all(connection, ORDERS, {"tenant": tenant, "limit": limit})]


UPDATE_ORDER = """
update payment_orders
set status = coalesce(%(status)s::order_status, status), payment_key = coalesce(%(payment_key)s, payment_key),
    method = coalesce(%(method)s, method), deposit_secret = coalesce(%(deposit_secret)s, deposit_secret),
    cancelled = coalesce(%(cancelled)s, cancelled), reversals = coalesce(%(reversals)s, reversals),
    failure_code = %(failure_code)s, failure_detail = %(failure_detail)s, updated_at = %(now)s
where tenant = %(tenant)s and id = %(id)s
"""


async def update_order(
    connection: Connection,
    order: Order,
    now: dt.datetime,
    *,
    status: str | None = None,
    payment_key: str | None = None,
    method: str | None = None,
    deposit_secret: str | None = None,
    cancelled: Decimal | None = None,
    reversals: int | None = None,
    failure_code: str | None = None,
    failure_detail: str | None = None,
) -> None:
    """Write down what became of an order. What is None stays, but for a failure: one that is not named is over.

    Args:
        connection: in the transaction that has locked the order.
        order: which.
        now: the moment.
        status: what it is now.
        payment_key, method, deposit_secret: of its payment, as Toss has them.
        cancelled: won of it that were given back, in all.
        reversals: how often credit was taken back for it.
        failure_code, failure_detail: why it was not paid.
    """
    await connection.execute(
        UPDATE_ORDER,
        {
            "tenant": order.tenant,
            "id": order.id,
            "status": status,
            "payment_key": payment_key,
            "method": method,
            "deposit_secret": deposit_secret,
            "cancelled": cancelled,
            "reversals": reversals,
            "failure_code": failure_code,
            "failure_detail": failure_detail,
            "now": now,
        },
    )


class Cancel(NamedTuple):
    """A cancel of an order, asked for by us or made at Toss."""

    tenant: str
    id: UUID
    order_id: str
    amount: Decimal
    reason: str
    status: str
    transaction_key: str | None
    detail: str | None = None


CANCELS = """
select tenant, id, order_id, amount, reason, status, transaction_key, detail from payment_cancels
where tenant = %(tenant)s and order_id = %(order)s order by created_at, id
"""


async def read_cancels(connection: Connection, order: Order) -> list[Cancel]:
    rows = await fetch_all(connection, CANCELS, {"tenant": order.tenant, "order": order.id})
    return [Cancel(**row) for row in rows]


OVERDUE_CANCELS = """
select tenant, id, order_id, amount, reason, status, transaction_key, detail from payment_cancels
where tenant = %(tenant)s and order_id = %(order)s and status = 'asked' and created_at <= %(before)s
order by created_at, id
"""


async def overdue_cancels(connection: Connection, order: Order, before: dt.datetime) -> list[Cancel]:
    """Cancels of an order that were asked for before a moment, and have no end."""
    rows = await fetch_all(connection, OVERDUE_CANCELS, {"tenant": order.tenant, "order": order.id, "before": before})
    return [Cancel(**row) for row in rows]


END_NOT_PAID = """
with left_alone as (
  select tenant, id from payment_orders where status = 'created' and created_at <= %(before)s
  order by created_at limit %(limit)s for update skip locked
)
update payment_orders o
set status = 'failed', failure_code = %(code)s, failure_detail = %(detail)s, updated_at = %(now)s
from left_alone l where o.tenant = l.tenant and o.id = l.id
"""


async def end_not_paid(
    connection: Connection, *, before: dt.datetime, code: str, detail: str, limit: int, now: dt.datetime
) -> None:
    """Let orders fail that were made before a moment and that nobody began to pay."""
    parameters = {"before": before, "code": code, "detail": detail, "limit": limit, "now": now}
    await connection.execute(END_NOT_PAID, parameters)


SAVE_CANCEL = """
insert into payment_cancels (
  tenant, id, order_id, amount, reason, status, transaction_key, detail, created_at, updated_at
)
values (
  %(tenant)s, %(id)s, %(order)s, %(amount)s, %(reason)s, %(status)s, %(transaction_key)s, %(detail)s, %(now)s, %(now)s
)
on conflict (tenant, id) do update
set status = excluded.status, transaction_key = coalesce(excluded.transaction_key, payment_cancels.transaction_key),
    detail = excluded.detail, updated_at = excluded.updated_at
"""


async def save_cancel(
    connection: Connection,
    cancel: Cancel,
    status: str,
    now: dt.datetime,
    *,
    transaction_key: str | None = None,
    detail: str | None = None,
) -> None:
    """Write a cancel, or what became of it."""
    await connection.execute(
        SAVE_CANCEL,
        {
            "tenant": cancel.tenant,
            "id": cancel.id,
            "order": cancel.order_id,
            "amount": cancel.amount,
            "reason": cancel.reason,
            "status": status,
            "transaction_key": transaction_key,
            "detail": detail,
            "now": now,
        },
    )


_DECIDE_WAIT = put_off("asks")

DECIDE_UNDECIDED = f"""
with confirmed as (
  select tenant, id from payment_orders
  where status in ('confirming', 'waiting_for_deposit') and purpose <> all(%(without)s::text[])
    and updated_at < %(before)s and ask_again_at <= %(now)s
  order by greatest(updated_at, ask_again_at) limit %(limit)s for update skip locked
),
cancelled as (
  select tenant, id from payment_cancels
  where status = 'asked' and updated_at < %(before)s and ask_again_at <= %(now)s
  order by greatest(updated_at, ask_again_at) limit %(limit)s for update skip locked
),
orders as (
  update payment_orders o set asks = asks + 1, ask_again_at = {_DECIDE_WAIT}
  from confirmed c where o.tenant = c.tenant and o.id = c.id
  returning o.tenant, o.id
),
cancels as (
  update payment_cancels p set asks = asks + 1, ask_again_at = {_DECIDE_WAIT}
  from cancelled c where p.tenant = c.tenant and p.id = c.id
  returning p.tenant, p.order_id
)
select tenant, id from orders union select tenant, order_id from cancels
"""


class UndecidedOrder(NamedTuple):
    """An order of which only Toss knows what became of it."""

    tenant: str
    id: str


async def decide_undecided(
    connection: Connection,
    *,
    now: dt.datetime,
    before: dt.datetime,
    first: dt.timedelta,
    longest: dt.timedelta,
    limit: int,
    without: Sequence[str],
) -> list[UndecidedOrder]:
    """Orders to ask about now: a confirmation or a cancel was begun and has no end, or a deposit is waited for.

    Args:
        connection: in autocommit.
        now: the moment.
        before: what changed since may still be under way.
        first: until the second time; each later one waits twice as long.
        longest: and that at most.
        limit: of confirmations, and again of cancels.
        without: purposes whose confirmations are left to whoever charges for them.
    """
    rows = await fetch_all(
        connection,
        DECIDE_UNDECIDED,
        {
            "now": now,
            "before": before,
            "first": first,
            "longest": longest,
            "limit": limit,
            "without": list(without),
        },
    )
    return [UndecidedOrder(**row) for row in rows]


def payment_failed(tenant: str, code: str) -> None:
    """Say in the log that an order has failed: charts and an alert count these lines."""
    log("payment_failures").warning("payment failed", extra={"fields": {"code": code, "tenant": tenant}})

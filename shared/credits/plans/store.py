"""SQL of plans. One function a statement; nothing here decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from shared.credits.plans.plans import OrderKind, Period, PlanName, Subscription
from shared.platform.database import Connection, fetch_all
from shared.platform.loops.sweeps import put_off

_COLUMNS = """tenant, plan::text, fee, anchor, period_start, period_end, next_plan::text, status::text, past_due_since,
  tries, pending_order, granted, granted_until"""


def _subscription(row: Mapping[str, Any]) -> Subscription:
    fields = dict(row)
    start, end = fields.pop("period_start"), fields.pop("period_end")
    return Subscription(**fields, period=None if start is None else Period(start, end))


SUBSCRIPTIONS = f"""
select {_COLUMNS} from tenant_plans where %(tenant)s::text is null or tenant = %(tenant)s order by tenant
"""


async def read_subscriptions(connection: Connection, tenant: str | None = None) -> list[Subscription]:
    """One tenant's plan, or all that the role may see."""
    return [_subscription(row) for row in await fetch_all(connection, SUBSCRIPTIONS, {"tenant": tenant})]


LOCK = f"select {_COLUMNS} from tenant_plans where tenant = %(tenant)s for no key update"


async def lock_subscription(connection: Connection, tenant: str) -> Subscription | None:
    """A tenant's plan, ours alone until the transaction ends. Lock its payment orders before it, never after."""
    rows = await fetch_all(connection, LOCK, {"tenant": tenant})
    return _subscription(rows[0]) if rows else None


class Due(NamedTuple):
    """A tenant whose plan is to be looked at now. Nobody else takes it before `taken_until`."""

    tenant: str
    taken_until: dt.datetime


DECIDE_DUE_PLANS = f"""
with due as (
  select tenant from tenant_plans where next_try_at <= %(now)s
  order by next_try_at limit %(limit)s for no key update skip locked
)
update tenant_plans p set takes = p.takes + 1, next_try_at = {put_off("p.takes")} from due where p.tenant = due.tenant
returning p.tenant, p.next_try_at as taken_until
"""


async def decide_due_plans(
    connection: Connection, *, now: dt.datetime, first: dt.timedelta, longest: dt.timedelta, limit: int
) -> list[Due]:
    """Tenants whose plans are to be looked at now, those that wait longest. Nobody else looks at them for `first`; one
    that comes to nothing is taken again after twice as long each time, `longest` at most."""
    parameters = {"now": now, "first": first, "longest": longest, "limit": limit}
    return [Due(**row) for row in await fetch_all(connection, DECIDE_DUE_PLANS, parameters)]


LOCK_DUE = f"""
select {_COLUMNS} from tenant_plans where tenant = %(tenant)s and next_try_at = %(taken_until)s for no key update"""


async def lock_due(connection: Connection, due: Due) -> Subscription | None:
    """The plan of a tenant that was taken, ours alone until the transaction ends. None: it has changed since."""
    rows = await fetch_all(connection, LOCK_DUE, {"tenant": due.tenant, "taken_until": due.taken_until})
    return _subscription(rows[0]) if rows else None


SAVE = """
update tenant_plans
set plan = %(plan)s::plan_name, fee = %(fee)s, anchor = %(anchor)s, period_start = %(period_start)s,
    period_end = %(period_end)s, next_plan = %(next_plan)s::plan_name, status = %(status)s::plan_status,
    past_due_since = %(past_due_since)s, tries = %(tries)s, pending_order = %(pending_order)s,
    granted = %(granted)s, granted_until = %(granted_until)s, takes = 0,
    next_try_at = coalesce(%(next_try_at)s, 'infinity'::timestamptz)
where tenant = %(tenant)s
"""


async def save_subscription(connection: Connection, now_has: Subscription, next_try_at: dt.datetime | None) -> None:
    """Write a tenant's plan, which the transaction has locked, and when a sweep looks at it (None: never)."""
    period = now_has.period
    await connection.execute(
        SAVE,
        {
            "tenant": now_has.tenant,
            "plan": now_has.plan,
            "fee": now_has.fee,
            "anchor": now_has.anchor,
            "period_start": period and period.start,
            "period_end": period and period.end,
            "next_plan": now_has.next_plan,
            "status": now_has.status,
            "past_due_since": now_has.past_due_since,
            "tries": now_has.tries,
            "pending_order": now_has.pending_order,
            "granted": now_has.granted,
            "granted_until": now_has.granted_until,
            "next_try_at": next_try_at,
        },
    )


class PlanOrder(NamedTuple):
    """What an order pays for."""

    tenant: str
    order_id: str
    kind: OrderKind
    plan: PlanName
    fee: Decimal
    anchor: dt.date
    period: Period


INSERT_PLAN_ORDER = """
insert into plan_orders (tenant, order_id, kind, plan, fee, anchor, period_start, period_end)
values (%(tenant)s, %(order)s, %(kind)s, %(plan)s::plan_name, %(fee)s, %(anchor)s, %(start)s, %(end)s)
"""


async def insert_plan_order(connection: Connection, order: PlanOrder) -> None:
    parameters = {
        "tenant": order.tenant,
        "order": order.order_id,
        "kind": order.kind,
        "plan": order.plan,
        "fee": order.fee,
        "anchor": order.anchor,
        "start": order.period.start,
        "end": order.period.end,
    }
    await connection.execute(INSERT_PLAN_ORDER, parameters)


OPEN_PLAN_ORDER = """
select tenant, order_id, kind, plan::text, fee, anchor, period_start, period_end from plan_orders
where tenant = %(tenant)s and order_id = %(order)s and applied_at is null
"""


async def read_open_plan_order(connection: Connection, tenant: str, order: str) -> PlanOrder | None:
    """What an order pays for; None once the plan was given for it."""
    rows = await fetch_all(connection, OPEN_PLAN_ORDER, {"tenant": tenant, "order": order})
    if not rows:
        return None
    fields = dict(rows[0])
    period = Period(fields.pop("period_start"), fields.pop("period_end"))
    return PlanOrder(**fields, period=period)


MARK_APPLIED = "update plan_orders set applied_at = %(now)s where tenant = %(tenant)s and order_id = %(order)s"


async def mark_applied(connection: Connection, tenant: str, order: str, now: dt.datetime) -> None:
    """The plan was given for an order."""
    await connection.execute(MARK_APPLIED, {"tenant": tenant, "order": order, "now": now})


class Paid(NamedTuple):
    """A payment of the running period in won: how much of it Toss gave back, and how much we asked Toss to."""

    order_id: str
    kind: OrderKind
    plan: PlanName
    amount: Decimal
    cancelled: Decimal
    asked: Decimal
    created_at: dt.datetime

    @property
    def left(self) -> Decimal:
        """What is not given back, nor going to be. What we asked for and what Toss did are mostly the same."""
        return self.amount - max(self.cancelled, self.asked)


PAID = """
select p.order_id, p.kind, p.plan::text, o.amount, o.cancelled, o.created_at, (
    select coalesce(sum(c.amount), 0) from payment_cancels c
    where c.tenant = o.tenant and c.order_id = o.id and c.status <> 'refused'
  ) as asked
from tenant_plans t
join plan_orders p on p.tenant = t.tenant and p.period_start = t.period_start and p.applied_at is not null
join payment_orders o on o.tenant = p.tenant and o.id = p.order_id
where t.tenant = %(tenant)s
order by p.applied_at, p.order_id
"""
LOCK_PAID = PAID + "for update of o"


async def read_paid(connection: Connection, tenant: str) -> list[Paid]:
    """The payments of a tenant's running period, oldest first."""
    return [Paid(**row) for row in await fetch_all(connection, PAID, {"tenant": tenant})]


async def lock_paid(connection: Connection, tenant: str) -> list[Paid]:
    """The same, their orders ours alone until the transaction ends."""
    return [Paid(**row) for row in await fetch_all(connection, LOCK_PAID, {"tenant": tenant})]


ADD_HISTORY = """
insert into plan_history (tenant, id, reason, from_plan, to_plan, amount, order_id, detail, created_at)
values (
  %(tenant)s, %(id)s, %(reason)s, %(from_plan)s::plan_name, %(to_plan)s::plan_name, %(amount)s, %(order)s, %(detail)s,
  %(now)s
)
"""


async def add_history(
    connection: Connection,
    tenant: str,
    id_: UUID,
    reason: str,
    from_plan: PlanName,
    to_plan: PlanName,
    now: dt.datetime,
    *,
    amount: Decimal = Decimal(0),
    order: str | None = None,
    detail: str | None = None,
) -> None:
    """Write down what happened. `amount`: won charged, below zero given back."""
    parameters = {
        "tenant": tenant,
        "id": id_,
        "reason": reason,
        "from_plan": from_plan,
        "to_plan": to_plan,
        "amount": amount,
        "order": order,
        "detail": detail,
        "now": now,
    }
    await connection.execute(ADD_HISTORY, parameters)


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """Something that happened to a tenant's plan.

    reason: what it was, such as `upgraded` or `payment_refused`.
    from_plan, to_plan: the plan before, and the one that it came to or would have come to.
    amount: whole won that were charged; below zero, given back.
    order_id: the order that paid for it; None where none did.
    detail: a sentence for people; None where there is no more to say.
    """

    reason: str
    from_plan: PlanName
    to_plan: PlanName
    amount: Decimal
    order_id: str | None
    detail: str | None
    created_at: dt.datetime


HISTORY = """
select reason, from_plan::text, to_plan::text, amount, order_id, detail, created_at from plan_history
where tenant = %(tenant)s order by created_at desc, id desc limit %(limit)s
"""


async def read_history(connection: Connection, tenant: str, limit: int) -> list[HistoryEntry]:
    """What happened to a tenant's plan, newest first."""
    return [HistoryEntry(**row) for row in await fetch_all(connection, HISTORY, {"tenant": tenant, "limit": limit})]


FREE_SINCE = """
select coalesce((
    select max(created_at) from plan_history
    where tenant = t.id and to_plan = 'FREE' and reason in ('downgraded', 'ended_unpaid', 'grant_ended')
  ), t.created_at) as since
from tenants t where t.id = %(tenant)s
"""


async def free_since(connection: Connection, tenant: str) -> dt.datetime:
    """Since when a tenant has FREE, if plans that were cancelled are left out of account."""
    since: dt.datetime = (await fetch_all(connection, FREE_SINCE, {"tenant": tenant}))[0]["since"]
    return since


# What is held was let through to a provider, or soon will be; what is in the outbox waits for that. A message is held
# once, whatever its route. (A message that waits again, for its next channel or another try, counts twice until it
# leaves.)
USED = """
select (
    select coalesce(sum(cardinality(messages)), 0) from ledger_entries
    where tenant = %(tenant)s and kind = 'hold' and created_at >= %(since)s
  ) + (
    select coalesce(sum(jsonb_array_length(body -> 'messages')), 0) from outbox where tenant = %(tenant)s
  ) as used
"""


async def count_messages(connection: Connection, tenant: str, since: dt.datetime) -> int:
    """A tenant's messages that were sent since a moment or wait for it."""
    return int((await fetch_all(connection, USED, {"tenant": tenant, "since": since}))[0]["used"])

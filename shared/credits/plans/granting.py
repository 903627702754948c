"""Plans that the operator gives: for a business that pays by transfer, or not at all. Nobody is charged for them."""

from __future__ import annotations

import datetime as dt

from shared.credits.errors import unknown_tenant
from shared.credits.plans.errors import (
    ENDED_UNPAID,
    MAX_WHY,
    PAYMENT_FAILED,
    bad_until,
    bad_why,
    change_under_way,
    plan_is_paid,
)
from shared.credits.plans.outcomes import end, note
from shared.credits.plans.plans import FREE, NOTHING, PlanName, Subscription, due_at, period_of
from shared.credits.plans.store import lock_subscription, save_subscription
from shared.platform.clock import day_of
from shared.platform.database import Connection
from shared.platform.signals.alerts import resolve_alerts


async def grant(
    connection: Connection, tenant: str, plan: PlanName, now: dt.datetime, *, why: str, until: dt.date | None = None
) -> Subscription:
    """Give a tenant a plan from now on. The same again, it changes nothing.

    It goes on from month to month without a charge. A plan that the business buys meanwhile takes its place.

    Args:
        connection: in a transaction of the database's owner.
        tenant: whose.
        plan: FREE ends one that was granted.
        now: the moment.
        why: for the plan's history.
        until: the first day (of Seoul) without it: FREE then. None for no end.

    Returns:
        What the tenant has now.

    Raises:
        CreditError: `unknown_tenant`, `plan_change_under_way`, `plan_is_paid` (a card pays for it, or owes for it and
            FREE is asked for), `bad_why`, `bad_until`.
    """
    today, why = day_of(now), why.strip()
    if not 0 < len(why) <= MAX_WHY:
        raise bad_why()
    if until is not None and (until <= today or plan == FREE):
        raise bad_until(today)
    has = await lock_subscription(connection, tenant)
    if has is None:
        raise unknown_tenant(tenant)
    if has.pending_order is not None:
        raise change_under_way()
    if has.period is not None and not has.granted and (has.status == "active" or plan == FREE):
        raise plan_is_paid(tenant, has.plan, has.period.end)
    if (has.plan, has.granted_until) == (plan, until) and has.granted == (plan != FREE):
        return has
    if plan == FREE:
        await end(connection, has, "grant_ended", now, detail=why)
        return Subscription.begun(tenant, FREE, NOTHING, today, None)
    anchor = has.anchor if has.granted else today
    given = Subscription.begun(tenant, plan, NOTHING, anchor, period_of(anchor, today), granted=True, until=until)
    await save_subscription(connection, given, due_at(given))
    await note(connection, has, "granted", plan, now, detail=f"{why} (until {until})" if until else why)
    await resolve_alerts(connection, tenant, [PAYMENT_FAILED, ENDED_UNPAID], now)
    return given


async def go_on(connection: Connection, has: Subscription, now: dt.datetime) -> None:
    """A granted plan's month is over, or its last day: the next month begins, or the plan is FREE.

    Args:
        connection: in a transaction that has locked it.
        has: the plan, granted.
        now: the moment.
    """
    today = day_of(now)
    if has.granted_until is not None and has.granted_until <= today:
        await end(connection, has, "grant_ended", now, detail=f"granted until {has.granted_until}")
        return
    next_month = Subscription.begun(
        has.tenant,
        has.plan,
        NOTHING,
        has.anchor,
        period_of(has.anchor, today),
        granted=True,
        until=has.granted_until,
    )
    await save_subscription(connection, next_month, due_at(next_month))

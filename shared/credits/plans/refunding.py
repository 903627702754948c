"""What ending a plan gives back, by what was paid for it and what was used of it."""

from __future__ import annotations

import datetime as dt

from shared.credits.plans.plans import Quote, Subscription, quote_cancel
from shared.credits.plans.refunds import Payment, payments_that_count, refunds_of
from shared.credits.plans.store import count_messages, read_paid
from shared.platform.clock import day_of, first_moment
from shared.platform.database import Connection


async def quote_ending(connection: Connection, has: Subscription, now: dt.datetime) -> Quote:
    """What ending a plan now would do.

    Args:
        connection: in a transaction.
        has: the plan.
        now: the moment.
    """
    today = day_of(now)
    if has.granted:  # a payment of that day was for a plan before it, and settled when that one ended
        return quote_cancel(has, (), today)
    paid = {one.order_id: one for one in await read_paid(connection, has.tenant)}
    payments = payments_that_count(
        [
            Payment(one.order_id, one.kind, one.plan, one.amount, one.left, day_of(one.created_at))
            for one in paid.values()
        ]
    )
    if has.period is None or not payments:
        return quote_cancel(has, (), today)
    first = paid[payments[0].order_id]
    # What was used before a plan began was not used of it; a later period counts from its first moment, as its quota.
    since = first.created_at if first.kind == "subscription" else first_moment(has.period.start)
    used = await count_messages(connection, has.tenant, since)
    return quote_cancel(has, refunds_of(payments, has.period, used, today), today)

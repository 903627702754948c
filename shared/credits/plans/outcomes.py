"""What a plan's order does, once it is known whether it was paid.

Whoever learns it first does it (the charge's own answer, a webhook, a look-up), in the transaction that settles the
order, and once.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import ClassVar

from shared.credits.amounts import in_won
from shared.credits.payments.store import Cancel, Order, read_cancels, save_cancel
from shared.credits.plans.errors import ENDED_UNPAID, PAYMENT_FAILED
from shared.credits.plans.plans import FREE, NOTHING, PlanName, Subscription, due_at, is_upgrade
from shared.credits.plans.store import (
    PlanOrder,
    add_history,
    free_since,
    lock_subscription,
    mark_applied,
    read_open_plan_order,
    save_subscription,
)
from shared.platform.clock import day_of
from shared.platform.database import Connection
from shared.platform.ids import derived_id, new_id
from shared.platform.signals.alerts import raise_alert, resolve_alerts
from shared.providers import ProviderRefused


class PlanPurpose:
    """An order that is charged to a registered card for a plan."""

    name: ClassVar[str] = "plan"
    buys_credit: ClassVar[bool] = False
    decides_charges: ClassVar[bool] = True

    async def settle(
        self, connection: Connection, order: Order, status: str | None, failure: str | None, now: dt.datetime
    ) -> None:
        """Give a plan for an order that was paid, or take note that it was not."""
        bought = await read_open_plan_order(connection, order.tenant, order.id)
        if bought is None or status is None:
            return
        has = await lock_subscription(connection, order.tenant)
        assert has is not None, "every tenant has a plan"  # noqa: S101
        if status in ("paid", "partly_cancelled"):
            if has.pending_order == order.id:
                await _give(connection, has, bought, order, now)
            else:
                await _give_back(connection, order, now)
        elif status in ("failed", "cancelled") and has.pending_order == order.id:
            await unpaid(connection, has, bought, failure or f"the payment is {status}", now)

    async def refuse(self, connection: Connection, order: Order, reason: str, now: dt.datetime) -> None:
        """Whoever charges for plans takes note of it."""

    async def lose(
        self, connection: Connection, order: Order, amount: Decimal, key: str, now: dt.datetime
    ) -> str | None:
        """The plan stays as it is, for nobody asked to end it; a person is told."""
        detail = f"{order.id}: {in_won(amount)} won were given back at Toss, and the plan goes on"
        await raise_alert(connection, order.tenant, "plan_payment_cancelled", detail, now)
        return detail

    async def keep(
        self, connection: Connection, order: Order, request: Cancel, refused: ProviderRefused, now: dt.datetime
    ) -> None:
        """The plan has ended, and the money is still here: a person has to send it."""
        detail = f"{order.id}: {in_won(request.amount)} won were not given back: {refused}"
        await raise_alert(connection, order.tenant, "plan_refund_refused", detail, now)


async def _give(connection: Connection, has: Subscription, bought: PlanOrder, order: Order, now: dt.datetime) -> None:
    given = Subscription.begun(has.tenant, bought.plan, bought.fee, bought.anchor, bought.period)
    await save_subscription(connection, given, due_at(given))
    await mark_applied(connection, order.tenant, order.id, now)
    reason = "subscribed" if has.granted else _reason(has.plan, bought.plan)
    id_ = derived_id(now, order.id, "given")
    await add_history(
        connection, has.tenant, id_, reason, has.plan, bought.plan, now, amount=order.amount, order=order.id
    )
    await resolve_alerts(connection, has.tenant, [PAYMENT_FAILED, ENDED_UNPAID], now)


def _reason(before: PlanName, after: PlanName) -> str:
    if before == after:
        return "renewed"
    if before == FREE:
        return "subscribed"
    return "upgraded" if is_upgrade(before, after) else "downgraded"


async def _give_back(connection: Connection, order: Order, now: dt.datetime) -> None:
    """Money came for an order that was given up: it goes back. (Reconciling asks Toss.)"""
    id_ = derived_id(order.created_at, order.id, "given up")
    if all(cancel.id != id_ for cancel in await read_cancels(connection, order)):
        cancel = Cancel(order.tenant, id_, order.id, order.amount, "중복 결제 환불", "asked", None)
        await save_cancel(connection, cancel, "asked", now)


async def unpaid(
    connection: Connection,
    has: Subscription,
    bought: PlanOrder,
    detail: str,
    now: dt.datetime,
    *,
    counts: bool = True,
) -> None:
    """Take note that an order was not paid. A renewal's refusal makes the plan past due; others leave it as it was.

    Args:
        connection: in a transaction that has locked the order and `has`.
        has: the plan, waiting for the order.
        bought: what the order was for.
        detail: why, for people.
        now: the moment.
        counts: False where no card was asked; a renewal is then tried again at once.
    """
    left = replace(has, pending_order=None)
    await note(connection, left, "payment_refused", bought.plan, now, order=bought.order_id, detail=detail)
    if bought.kind == "renewal" and counts:
        await refused(connection, left, detail, now)
    else:
        await save_subscription(connection, left, due_at(left))


async def refused(connection: Connection, has: Subscription, detail: str, now: dt.datetime) -> None:
    """A renewal was refused, or nothing could be charged: try again later, and after the last time end the plan."""
    since = has.past_due_since or now
    owes = replace(has, status="past_due", past_due_since=since, tries=has.tries + 1)
    try_again_at = due_at(owes)
    if try_again_at is None:
        await end(connection, has, "ended_unpaid", now, detail=detail)
        await raise_alert(connection, has.tenant, ENDED_UNPAID, f"{has.plan} → FREE: {detail}", now)
        return
    await resolve_alerts(connection, has.tenant, [PAYMENT_FAILED], now)  # the new one says more
    await save_subscription(connection, owes, try_again_at)
    detail = f"{has.plan}, try {owes.tries}, again at {try_again_at.isoformat(timespec='minutes')}: {detail}"
    await raise_alert(connection, has.tenant, PAYMENT_FAILED, detail, now)


async def end(
    connection: Connection,
    has: Subscription,
    reason: str,
    now: dt.datetime,
    *,
    refund: Decimal = NOTHING,
    detail: str | None = None,
) -> None:
    """Let a tenant's plan be FREE from now on. `refund`: won that go back.

    Whoever gets money back has the month of FREE that would run without the plan, with all that was sent in it: else
    who subscribes and cancels each day would have FREE's messages anew each day, for nothing.
    """
    since = await free_since(connection, has.tenant) if refund else now
    free = Subscription.begun(has.tenant, FREE, NOTHING, day_of(since), None)
    await save_subscription(connection, free, None)
    await note(connection, has, reason, FREE, now, amount=-refund, detail=detail)
    await resolve_alerts(connection, has.tenant, [PAYMENT_FAILED], now)


async def note(
    connection: Connection,
    has: Subscription,
    reason: str,
    to: PlanName,
    now: dt.datetime,
    *,
    amount: Decimal = NOTHING,
    order: str | None = None,
    detail: str | None = None,
) -> None:
    """Write down what happened to a plan."""
    id_ = new_id(now)
    await add_history(connection, has.tenant, id_, reason, has.plan, to, now, amount=amount, order=order, detail=detail)

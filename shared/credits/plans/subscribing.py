"""Changing plans, and renewing them: an order is written before a card is charged, and asking decides after a crash.

A charge that is under way keeps every other change of the tenant's plan waiting. Its answer may be lost: then a sweep
asks Toss for the order, and charges it only if Toss never heard of it, with the same order and the same key.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from shared.credits.errors import CreditError, unknown_tenant
from shared.credits.payments.cards import BillingKey, read_billing_key
from shared.credits.payments.errors import no_card
from shared.credits.payments.giving_up import NOBODY_TO_ASK, tell
from shared.credits.payments.payments import Payments
from shared.credits.payments.rules import CHARGE_ENDS, CHARGE_LEASE, LIMITS, LONGEST_WITHOUT_ASKING
from shared.credits.payments.sealing import open_card
from shared.credits.payments.store import (
    Cancel,
    Order,
    insert_order,
    lock_order,
    payment_failed,
    save_cancel,
    update_order,
)
from shared.credits.plans.errors import change_under_way, plan_payment_refused, quote_changed, unknown_plan
from shared.credits.plans.granting import go_on
from shared.credits.plans.outcomes import end, note, refused, unpaid
from shared.credits.plans.plans import (
    FREE,
    PLANS,
    OrderKind,
    Period,
    PlanName,
    Quote,
    Subscription,
    due_at,
    period_of,
    quote_change,
)
from shared.credits.plans.refunding import quote_ending
from shared.credits.plans.store import (
    Due,
    PlanOrder,
    decide_due_plans,
    insert_plan_order,
    lock_due,
    lock_paid,
    lock_subscription,
    read_open_plan_order,
    read_subscriptions,
    save_subscription,
)
from shared.platform.clock import Clock, day_of
from shared.platform.crypto import Keys
from shared.platform.database import Connection, Database
from shared.platform.errors import AllimError
from shared.platform.ids import derived_id, new_id
from shared.platform.logs import log
from shared.platform.loops.sweeps import Sweep
from shared.providers import ProviderError, ProviderRefused, ProviderUndecided
from shared.providers.toss import Toss

CARRY_ON_WITHIN = dt.timedelta(hours=1)
"""An order that never reached Toss is charged until then; nobody is charged today for what was asked for yesterday."""

_KIND: dict[str, OrderKind] = {"subscribe": "subscription", "upgrade": "upgrade", "pay": "arrears"}


def plan_named(name: str) -> PlanName:
    """The plan of that name, in any case. Raises CreditError `unknown_plan`."""
    for plan in PLANS:
        if plan == name.strip().upper():
            return plan
    raise unknown_plan(name, ", ".join(PLANS))


class _Charge(NamedTuple):
    """An order that is to be charged to a card."""

    order: Order
    card: BillingKey


class Plans:
    """Quotes, changes, cancels and renewals.

    Args:
        database: a role that may write payments and plans.
        toss: the wire.
        payments: settles what was charged, and gives back.
        keys: open billing keys.
        clock: the time.
    """

    def __init__(self, database: Database, toss: Toss, payments: Payments, keys: Keys, clock: Clock) -> None:
        self._database = database
        self._toss = toss
        self._payments = payments
        self._keys = keys
        self._clock = clock
        self._renewals = Sweep("plans", self._take_due, self._renew, Due._asdict, clock, LIMITS)

    async def quote_change(self, tenant: str, target: PlanName) -> Quote:
        """What `change` would do now. Raises CreditError `unknown_tenant`."""
        async with self._database.connection() as connection:
            return quote_change(await _read(connection, tenant), target, day_of(self._clock.now()))

    async def quote_cancel(self, tenant: str) -> Quote:
        """What `cancel` would do now. Raises CreditError `unknown_tenant`."""
        async with self._database.transaction() as connection:
            return await quote_ending(connection, await _read(connection, tenant), self._clock.now())

    async def change(self, tenant: str, target: PlanName, *, shown: Decimal | None = None) -> Quote:
        """Change a plan: more at once, charged to the registered card; less at the period's end.

        The plan that it has undoes a change that was scheduled. Past due, the plan asked for is paid now.

        Args:
            tenant: whose.
            target: the plan; FREE ends a paid one at the end of what is paid.
            shown: the charge in won that a quote showed; another one now changes nothing.

        Returns:
            What was done.

        Raises:
            CreditError: `unknown_tenant`, `no_card`, `card_unreadable`, `quote_changed`, `plan_change_under_way`, or
                `payment_refused`; the plan is as it was.
            ProviderError: whether it was charged is not known yet; a sweep decides it within minutes.
        """
        now = self._clock.now()
        async with self._database.transaction() as connection:
            has = await _lock(connection, tenant)
            quote = quote_change(has, target, day_of(now))
            _check(shown, quote.charge)
            if not quote.charge:
                await _change_unpaid(connection, has, quote, now)
                return quote
            period = _period_to_pay(has, quote, day_of(now))
            charge = await self._begin_charge(connection, has, _KIND[quote.action], target, quote.charge, period)
        await self._charge(charge)
        return quote

    async def cancel(self, tenant: str, *, shown: Decimal | None = None) -> Quote:
        """End a paid plan now, and give back what `quote_cancel` shows. Again, it does nothing.

        (At the end of what is paid: `change` to FREE.)

        Args:
            tenant: whose.
            shown: the refund in won that a quote showed; another one now changes nothing.

        Raises:
            CreditError: `unknown_tenant`, `quote_changed`, `plan_change_under_way`.
        """
        now = self._clock.now()
        async with self._database.transaction() as connection:
            locked = {one.order_id for one in await lock_paid(connection, tenant)}
            has = await _lock(connection, tenant)
            quote = await quote_ending(connection, has, now)
            if not locked.issuperset(part.order_id for part in quote.parts):
                raise change_under_way()  # one was paid between the two locks
            _check(shown, quote.refund)
            if quote.action == "none":
                return quote
            cancels = await self._write_refunds(connection, quote, now)
            await end(connection, has, "cancelled", now, refund=quote.refund)
        for order, request in cancels:
            try:
                await self._payments.ask_cancel(order, request)
            except (ProviderError, CreditError) as error:
                # Undecided, it is asked again by reconciling; refused, an alert tells a person.
                log("plans").warning("refund not done: %s", error, extra={"fields": {"order": order.id}})
        return quote

    async def _write_refunds(
        self, connection: Connection, quote: Quote, now: dt.datetime
    ) -> list[tuple[Order, Cancel]]:
        written, why = [], f"{quote.from_plan} 요금제 해지 환불"
        for part in quote.parts:
            if part.refund:
                order = await lock_order(connection, part.order_id)
                assert order is not None, "an order is never deleted"  # noqa: S101
                id_ = derived_id(order.created_at, order.id, "plan cancelled")
                request = Cancel(order.tenant, id_, order.id, part.refund, why, "asked", None)
                await save_cancel(connection, request, "asked", now)
                written.append((order, request))
        return written

    async def _begin_charge(
        self,
        connection: Connection,
        has: Subscription,
        kind: OrderKind,
        plan: PlanName,
        amount: Decimal,
        period: Period,
    ) -> _Charge:
        """Write an order before any money moves; its plan waits for it. Raises CreditError `no_card`."""
        now = self._clock.now()
        card = await read_billing_key(connection, has.tenant)
        if card is None:
            raise no_card(has.tenant)
        order = await insert_order(connection, has.tenant, f"plan_{new_id(now).hex}", amount, "plan", "confirming", now)
        assert order is not None, "the id is new"  # noqa: S101
        anchor = period.start if kind == "subscription" else has.anchor
        bought = PlanOrder(has.tenant, order.id, kind, plan, PLANS[plan].fee, anchor, period)
        await insert_plan_order(connection, bought)
        await save_subscription(connection, replace(has, pending_order=order.id), now + CHARGE_LEASE)
        return _Charge(order, card)

    async def _charge(self, charge: _Charge) -> None:
        """Charge an order. Doing it again charges nothing again: Toss knows its id, and the key.

        Raises:
            CreditError: `payment_refused`, `card_unreadable`; the plan is as it was.
            ProviderError: undecided.
        """
        order, card = charge.order, charge.card
        try:
            billing_key = open_card(self._keys, order.tenant, card.billing_key)
        except CreditError as unreadable:
            await self._give_up(order.id, unreadable)
            raise
        try:
            payment = await self._toss.charge(
                billing_key,
                customer_key=card.customer_key,
                order_id=order.id,
                order_name="알림 요금제",
                amount=int(order.amount),
                idempotency_key=order.id,
            )
        except ProviderRefused as error:
            await self._give_up(order.id, error)
            raise plan_payment_refused(error.code, error.detail) from error
        await self._payments.settle(payment)

    async def _give_up(self, order_id: str, why: AllimError, *, counts: bool = True) -> None:
        """Let an order fail. `counts`: a renewal's card can't be charged, and the plan is past due."""
        now = self._clock.now()
        async with self._database.transaction() as connection:
            order = await lock_order(connection, order_id)
            if order is None or order.status != "confirming":
                return
            await update_order(
                connection, order, now, status="failed", failure_code=why.code, failure_detail=why.detail[:500]
            )
            has = await _lock_any(connection, order.tenant)
            bought = await read_open_plan_order(connection, order.tenant, order_id)
            if bought is not None and has.pending_order == order_id:
                await unpaid(connection, has, bought, str(why)[:300], now, counts=counts)
            payment_failed(order.tenant, why.code)

    async def renew_due(self) -> int:
        """Look at each tenant that is due: renew, try again, or decide what was begun. Gives how many there were."""
        return await self._renewals.run()

    async def _take_due(self, limit: int) -> list[Due]:
        now = self._clock.now()
        async with self._database.connection() as connection:
            return await decide_due_plans(
                connection, now=now, first=CHARGE_LEASE, longest=LONGEST_WITHOUT_ASKING, limit=limit
            )

    async def _renew(self, due: Due) -> None:
        try:
            begun = await self._begin_renewal(due)
            if isinstance(begun, _Charge):
                await self._charge(begun)
            elif begun is not None:
                await self._carry_on(begun)
        except (ProviderError, CreditError) as error:
            log("plans").warning("not renewed: %s", error, extra={"fields": {"tenant": due.tenant}})

    async def _begin_renewal(self, due: Due) -> _Charge | str | None:
        """Begin what is due. Gives the charge that follows, the order to decide, or None for neither."""
        now = self._clock.now()
        async with self._database.transaction() as connection:
            has = await lock_due(connection, due)
            if has is None:
                return None
            if has.pending_order is not None:
                return has.pending_order
            if has.granted:
                await go_on(connection, has, now)
                return None
            plan = has.next_plan or has.plan
            if plan == FREE:
                await end(connection, has, "downgraded", now)
                return None
            try:
                period = period_of(has.anchor, day_of(now))
                return await self._begin_charge(connection, has, "renewal", plan, PLANS[plan].fee, period)
            except CreditError as error:
                await note(connection, has, "payment_refused", plan, now, detail=error.detail)
                await refused(connection, has, error.detail, now)
                return None

    async def _carry_on(self, order_id: str) -> None:
        """Decide an order whose charge was begun and has no end. After `CHARGE_ENDS` it fails, whoever is silent."""
        now = self._clock.now()
        async with self._database.connection() as connection:
            order = await lock_order(connection, order_id)
            assert order is not None, "an order is never deleted"  # noqa: S101
            card = await read_billing_key(connection, order.tenant)
        try:
            payment = await self._toss.payment_of_order(order_id)
            if (await self._payments.settle(payment)).status == "confirming":
                raise ProviderUndecided(NOBODY_TO_ASK, f"Toss says {payment.status}")
        except ProviderRefused as error:
            if card is None or order.created_at < now - CARRY_ON_WITHIN:
                await self._give_up(order_id, error, counts=False)
            else:
                await self._charge(_Charge(order, card))
        except (ProviderError, CreditError) as error:
            if now < order.created_at + CHARGE_ENDS:
                raise
            await self._give_up(order_id, error)
            async with self._database.transaction() as connection:
                await tell(connection, order, "was not decided", now)


async def _read(connection: Connection, tenant: str) -> Subscription:
    found = await read_subscriptions(connection, tenant)
    if not found:
        raise unknown_tenant(tenant)
    return found[0]


async def _lock_any(connection: Connection, tenant: str) -> Subscription:
    has = await lock_subscription(connection, tenant)
    if has is None:
        raise unknown_tenant(tenant)
    return has


async def _lock(connection: Connection, tenant: str) -> Subscription:
    has = await _lock_any(connection, tenant)
    if has.pending_order is not None:
        raise change_under_way()
    return has


async def _change_unpaid(connection: Connection, has: Subscription, quote: Quote, now: dt.datetime) -> None:
    """Do what costs nothing now."""
    if quote.action == "cancel":  # it owes or never paid, and wants no plan: there is nothing to give back
        await end(connection, has, "cancelled", now)
        return
    if quote.action == "schedule":
        changed, reason = replace(has, next_plan=quote.to_plan), "change_scheduled"
    elif quote.action == "undo":
        changed, reason = replace(has, next_plan=None), "change_undone"
    elif quote.action == "upgrade":  # to a plan that costs no more than the fee that was paid
        changed = replace(has, plan=quote.to_plan, fee=PLANS[quote.to_plan].fee, next_plan=None)
        reason = "upgraded"
    else:
        return
    await save_subscription(connection, changed, due_at(changed))
    await note(connection, has, reason, quote.to_plan, now, detail=f"from {quote.on}")


def _check(shown: Decimal | None, now: Decimal) -> None:
    if shown is not None and shown != now:
        raise quote_changed(shown, now)


def _period_to_pay(has: Subscription, quote: Quote, today: dt.date) -> Period:
    if quote.action == "upgrade" and has.period is not None:
        return has.period
    return period_of(today if quote.action == "subscribe" else has.anchor, today)

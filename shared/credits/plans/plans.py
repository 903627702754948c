"""Plans: what each costs and allows, when its months begin and end, and what a change costs or gives back.

Nothing here knows a database or a clock. Days are days of Seoul. A period is a month of whole days, from the day of the
subscription (its anchor) to the day before the same day of the next month: 31 January, 28 February, 31 March. The day
on which something happens counts as used, and amounts of less than a won are dropped.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, Decimal
from typing import Literal

from shared.credits.amounts import total
from shared.platform.clock import first_moment

PlanName = Literal["FREE", "BASIC", "PRO"]
Status = Literal["active", "past_due"]
OrderKind = Literal["subscription", "upgrade", "renewal", "arrears"]
Action = Literal["none", "subscribe", "upgrade", "pay", "schedule", "undo", "cancel"]

FREE: PlanName = "FREE"
NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a plan costs and allows.

    fee: won a month.
    messages: a period; bulk sends beyond it are refused.
    """

    name: PlanName
    fee: Decimal
    messages: int


PLANS: dict[PlanName, Plan] = {
    plan.name: plan
    for plan in (
        Plan("FREE", NOTHING, 1_000),
        Plan("BASIC", Decimal(29_000), 30_000),
        Plan("PRO", Decimal(99_000), 1_000_000),
    )
}
"""From the smallest to the greatest."""

RETRY_DAYS = (1, 3, 7)
"""After a refused renewal the card is charged again so many days later; after the last refusal the plan is FREE."""

_RANK = {name: rank for rank, name in enumerate(PLANS)}


@dataclass(frozen=True, slots=True)
class Period:
    """Days of Seoul, from `start` until before `end`."""

    start: dt.date
    end: dt.date

    @property
    def days(self) -> int:
        return (self.end - self.start).days

    def left(self, today: dt.date) -> int:
        """Days that are left, today among them."""
        return min(max((self.end - today).days, 0), self.days)

    def unused(self, today: dt.date) -> int:
        """Days that are left whole: today is used already."""
        return max(self.left(today) - 1, 0)


def period_of(anchor: dt.date, day: dt.date) -> Period:
    """The period that a day belongs to. Periods are counted from the anchor, so a short month moves none of them.

    Args:
        anchor: the first day of the first period.
        day: on the anchor or after it.
    """
    months = (day.year - anchor.year) * 12 + day.month - anchor.month
    if _months_after(anchor, months) > day:
        months -= 1
    return Period(_months_after(anchor, months), _months_after(anchor, months + 1))


def _months_after(anchor: dt.date, months: int) -> dt.date:
    years, month = divmod(anchor.month - 1 + months, 12)
    year = anchor.year + years
    return dt.date(year, month + 1, min(anchor.day, calendar.monthrange(year, month + 1)[1]))


def upgrade_price(fee: Decimal, new_fee: Decimal, period: Period, today: dt.date) -> Decimal:
    """What an upgrade costs today: the difference of the fees for the days that are left, today among them.

    That is the new plan's price for those days less what was paid for them; the fraction of a won is dropped.
    """
    return _share(max(new_fee - fee, NOTHING), period.left(today), period)


def _share(fee: Decimal, days: int, period: Period) -> Decimal:
    # Multiplied first: whole won times whole days is exact, and one division is rounded once.
    return (fee * days / period.days).to_integral_value(ROUND_FLOOR)


@dataclass(frozen=True, slots=True)
class Subscription:
    """A tenant's plan as it stands.

    fee: a month's, as it was when the period was paid.
    anchor: the first day; of FREE, the day since when.
    period: what is paid; None of FREE.
    next_plan: what comes at the period's end, when it is another one.
    past_due_since: when the first of `tries` refusals was.
    pending_order: a charge that is under way.
    granted: given by the operator; nobody is charged, and its periods follow each other by themselves.
    granted_until: the first day without it; None for no end.
    """

    tenant: str
    plan: PlanName
    fee: Decimal
    anchor: dt.date
    period: Period | None
    next_plan: PlanName | None
    status: Status
    past_due_since: dt.datetime | None
    tries: int
    pending_order: str | None
    granted: bool
    granted_until: dt.date | None

    @classmethod
    def begun(
        cls,
        tenant: str,
        plan: PlanName,
        fee: Decimal,
        anchor: dt.date,
        period: Period | None,
        *,
        granted: bool = False,
        until: dt.date | None = None,
    ) -> Subscription:
        """A plan as it begins, or begins anew: nothing is scheduled, nothing owed, and no charge under way."""
        return cls(
            tenant=tenant,
            plan=plan,
            fee=fee,
            anchor=anchor,
            period=period,
            next_plan=None,
            status="active",
            past_due_since=None,
            tries=0,
            pending_order=None,
            granted=granted,
            granted_until=until,
        )

    def is_due(self, today: dt.date) -> bool:
        """Whether what was paid for is over."""
        return self.period is not None and self.period.end <= today

    def counted(self, today: dt.date) -> Period:
        """The period whose messages count towards the quota."""
        return period_of(self.anchor, max(today, self.anchor))


@dataclass(frozen=True, slots=True)
class Part:
    """How the refund of one payment comes about.

    amount: won that were paid.
    days, days_left: that it bought, and that were not begun.
    messages, messages_left: that it bought, and that were not used.
    withdrawn: it is not older than seven days, so that the days do not count.
    refund: won.
    """

    order_id: str
    amount: Decimal
    days: int
    days_left: int
    messages: int
    messages_left: int
    withdrawn: bool
    refund: Decimal


@dataclass(frozen=True, slots=True)
class Quote:
    """What a change would do, before it happens.

    charge, refund: won, at once.
    on: the day from which `to_plan` holds.
    renews_on: when `fee` is charged next; None for never.
    fee: won a month then.
    from_fee: won a month now.
    days: of which an upgrade is charged for `days_left`; 0 of everything else.
    parts: how the refund comes about, a payment each.
    """

    tenant: str
    action: Action
    from_plan: PlanName
    to_plan: PlanName
    charge: Decimal
    refund: Decimal
    on: dt.date
    renews_on: dt.date | None
    fee: Decimal
    from_fee: Decimal
    days: int = 0
    days_left: int = 0
    parts: tuple[Part, ...] = ()


def is_upgrade(plan: PlanName, target: PlanName) -> bool:
    return _RANK[target] > _RANK[plan]


def quote_change(now_has: Subscription, target: PlanName, today: dt.date) -> Quote:
    """What a change to another plan would do.

    More is given at once and charged for the days that are left; less comes at the period's end. The plan that it has
    undoes what was scheduled. When the period is over and unpaid, any plan is paid now, in full. What is granted counts
    for nothing: whoever wants to pay begins, with whatever plan, and FREE ends it now.
    """
    plan, period = now_has.plan, now_has.period
    if now_has.granted and target == FREE:
        return _quote(now_has, "cancel", FREE, today, None)
    if period is None or now_has.granted:
        if target == FREE:
            return _quote(now_has, "none", FREE, today, None)
        return _quote(now_has, "subscribe", target, today, period_of(today, today), charge=PLANS[target].fee)
    if now_has.is_due(today):
        if target == FREE:
            return _quote(now_has, "cancel", FREE, today, None)
        return _quote(now_has, "pay", target, today, period_of(now_has.anchor, today), charge=PLANS[target].fee)
    if target == plan:
        return _quote(now_has, "undo" if now_has.next_plan else "none", plan, today, period)
    if is_upgrade(plan, target):
        price = upgrade_price(now_has.fee, PLANS[target].fee, period, today)
        quote = _quote(now_has, "upgrade", target, today, period, charge=price)
        return replace(quote, days=period.days, days_left=period.left(today))
    action: Action = "none" if target == now_has.next_plan else "schedule"
    return _quote(now_has, action, target, period.end, period)


def quote_cancel(now_has: Subscription, parts: Sequence[Part], today: dt.date) -> Quote:
    """What ending a plan today would do; `parts` are what is given back of its payments."""
    if now_has.period is None:
        return _quote(now_has, "none", FREE, today, None)
    quote = _quote(now_has, "cancel", FREE, today, None, refund=total(part.refund for part in parts))
    return replace(quote, parts=tuple(parts))


def _quote(
    now_has: Subscription,
    action: Action,
    target: PlanName,
    on: dt.date,
    period: Period | None,
    *,
    charge: Decimal = NOTHING,
    refund: Decimal = NOTHING,
) -> Quote:
    renews_on = period.end if period is not None and target != FREE else None
    fee = PLANS[target].fee
    return Quote(now_has.tenant, action, now_has.plan, target, charge, refund, on, renews_on, fee, now_has.fee)


def due_at(now_has: Subscription) -> dt.datetime | None:
    """When its card is to be charged next, or a granted plan is looked at; None of FREE, and after the last refusal."""
    if now_has.period is None:
        return None
    if now_has.past_due_since is None:
        return first_moment(min(now_has.period.end, now_has.granted_until or dt.date.max))
    if now_has.tries > len(RETRY_DAYS):
        return None
    return now_has.past_due_since + dt.timedelta(days=RETRY_DAYS[now_has.tries - 1])

"""What is given back when a plan ends before its period does: of each payment, what was not used of it.

A payment buys days and messages. Of both the smaller unused share counts, so that who has used all messages gets
nothing back, and who has used none gets the days not begun. Within seven days after a payment the days do not count:
what can be divided and was not used is given back whole (E-commerce Act, articles 17 (2) 5 and 18; applied to every
business alike). Nothing here knows a database or a clock.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import floor

from shared.credits.plans.plans import PLANS, OrderKind, Part, Period, PlanName

WITHDRAWAL = dt.timedelta(days=7)
"""After the day of a payment, that day not among them."""


@dataclass(frozen=True, slots=True)
class Payment:
    """What was paid for a period, or for the rest of one.

    kind: an `upgrade` adds to the payment before it; any other one begins anew.
    plan: that it bought.
    amount, left: won that were paid, and what of them was not given back yet.
    on: the day.
    """

    order_id: str
    kind: OrderKind
    plan: PlanName
    amount: Decimal
    left: Decimal
    on: dt.date


def payments_that_count(payments: Sequence[Payment]) -> list[Payment]:
    """Those of the plan that runs, oldest first: the newest that began anew, and what was added to it since.

    A plan that was ended and begun again on one day has others of the same period, which were settled when it ended.

    Args:
        payments: of the period, oldest first.
    """
    begun = max((place for place, each in enumerate(payments) if each.kind != "upgrade"), default=0)
    return list(payments[begun:])


def refunds_of(payments: Sequence[Payment], period: Period, used: int, today: dt.date) -> list[Part]:
    """What is given back of each payment when a plan ends today; fractions of a won are dropped.

    Args:
        payments: that count, oldest first.
        period: that runs.
        used: messages, since the first of the payments.
        today: the last day of the plan.
    """
    parts, bought = [], 0
    for payment in payments:
        messages = max(PLANS[payment.plan].messages - bought, 0)
        messages_left = messages - min(max(used - bought, 0), messages)
        days = period.left(payment.on) if payment.kind == "upgrade" else period.days
        days_left = min(period.unused(today), days)
        is_over, withdrawn = not period.left(today), today <= payment.on + WITHDRAWAL
        shares = [
            Fraction(0) if is_over else Fraction(1) if withdrawn else Fraction(days_left, days or 1),
            Fraction(messages_left, messages) if messages else Fraction(1),
        ]
        refund = min(Decimal(floor(int(payment.amount) * min(shares))), payment.left)
        parts.append(
            Part(
                order_id=payment.order_id,
                amount=payment.amount,
                days=days,
                days_left=days_left,
                messages=messages,
                messages_left=messages_left,
                withdrawn=withdrawn and not is_over,
                refund=refund,
            )
        )
        bought += messages
    return parts

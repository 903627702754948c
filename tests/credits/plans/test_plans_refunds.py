"""What is given back of a plan: never more than was paid, less the more was used, and nothing of what was used up."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.credits.plans.plans import PLANS, OrderKind, Period, PlanName, period_of, upgrade_price
from shared.credits.plans.refunds import Payment, payments_that_count, refunds_of

PERIOD = Period(dt.date(2026, 11, 21), dt.date(2026, 12, 21))
PRO, BASIC = PLANS["PRO"], PLANS["BASIC"]
DAY = dt.timedelta(days=1)


def paid(plan: PlanName, won: Decimal, on: dt.date, *, adds: bool = False, order: str = "o-1") -> Payment:
    return Payment(order, "upgrade" if adds else "subscription", plan, won, won, on)


def refund(payments: Sequence[Payment], period: Period, used: int, today: dt.date) -> int:
    return int(sum(part.refund for part in refunds_of(payments, period, used, today)))


@pytest.mark.parametrize(
    ("used", "day", "won"),
    [
        (0, 0, 99_000),  # withdrawn within seven days, and nothing was used
        (0, 7, 99_000),
        (0, 8, 69_300),  # the days not begun: 21 of 30
        (0, 29, 0),
        (250_000, 1, 74_250),  # a quarter of its messages was used
        (250_000, 8, 69_300),
        (500_000, 8, 49_500),
        (999_999, 3, 0),
        (1_000_000, 0, 0),
        (2_000_000, 0, 0),
        (0, 30, 0),
    ],
)
def test_of_days_and_messages_the_smaller_unused_share_is_given_back(used: int, day: int, won: int) -> None:
    assert refund([paid("PRO", PRO.fee, PERIOD.start)], PERIOD, used, PERIOD.start + day * DAY) == won


@pytest.mark.parametrize(
    ("used", "day", "won"),
    [
        (0, 15, 35_000 + 13_533),  # the upgrade is withdrawn whole; of the first payment the days not begun
        (30_000, 15, 35_000),  # all of BASIC was used before it
        (30_000 + 485_000, 15, 17_500),
        (0, 23, 14_000 + 5_800),
        (1_000_000, 15, 0),
    ],
)
def test_an_upgrade_is_a_payment_of_its_own_for_the_messages_beyond_those_before(used: int, day: int, won: int) -> None:
    upgraded_on = PERIOD.start + 15 * DAY
    upgrade = paid("PRO", upgrade_price(BASIC.fee, PRO.fee, PERIOD, upgraded_on), upgraded_on, adds=True, order="o-2")
    payments = [paid("BASIC", BASIC.fee, PERIOD.start), upgrade]
    assert refund(payments, PERIOD, used, PERIOD.start + day * DAY) == won


def test_only_what_belongs_to_the_plan_that_runs_counts() -> None:
    first = paid("PRO", PRO.fee, PERIOD.start)
    second, third = (replace(first, order_id=order) for order in ("o-2", "o-3"))
    added = replace(third, kind="upgrade")
    assert payments_that_count([]) == []
    assert payments_that_count([first]) == [first]
    assert payments_that_count([first, second, added]) == [second, added]


@st.composite
def plans(draw: st.DrawFn) -> tuple[list[Payment], Period]:
    """What was paid for a period: a plan, and perhaps a greater one from a later day on."""
    anchor = draw(st.dates(dt.date(2020, 1, 1), dt.date(2060, 12, 31)))
    period = period_of(anchor, anchor)
    first: PlanName = draw(st.sampled_from(["BASIC", "PRO"]))
    kind: OrderKind = draw(st.sampled_from(["subscription", "renewal", "arrears"]))
    payments = [Payment("o-1", kind, first, PLANS[first].fee, PLANS[first].fee, anchor)]
    if first == "BASIC" and draw(st.booleans()):
        on = anchor + draw(st.integers(0, period.days - 1)) * DAY
        payments.append(paid("PRO", upgrade_price(BASIC.fee, PRO.fee, period, on), on, adds=True, order="o-2"))
    given_back = [draw(st.integers(0, int(each.amount))) if draw(st.booleans()) else 0 for each in payments]
    left = [replace(each, left=each.left - won) for each, won in zip(payments, given_back, strict=True)]
    return left, period


use = st.integers(0, 1_100_000) | st.sampled_from([0, 29_999, 30_000, 30_001, 999_999, 1_000_000])


@given(plans(), use, st.integers(0, 40))
def test_never_more_is_given_back_than_is_left_of_what_was_paid(
    bought: tuple[list[Payment], Period], used: int, days: int
) -> None:
    payments, period = bought
    parts = refunds_of(payments, period, used, period.start + days * DAY)
    for part, payment in zip(parts, payments, strict=True):
        assert 0 <= part.refund <= payment.left <= payment.amount
        assert part.refund == part.refund.to_integral_value()
        assert 0 <= part.messages_left <= part.messages
        assert 0 <= part.days_left <= part.days


@given(plans(), use, use, st.integers(0, 40), st.integers(0, 40))
def test_the_more_was_used_and_the_later_it_is_the_less_is_given_back(
    bought: tuple[list[Payment], Period], used: int, more: int, days: int, later: int
) -> None:
    payments, period = bought
    earliest = payments[-1].on - period.start
    first = period.start + max(earliest, min(days, later) * DAY)
    last = max(first, period.start + max(days, later) * DAY)
    less, most = sorted((used, more))
    assert refund(payments, period, most, last) <= refund(payments, period, less, last)
    assert refund(payments, period, less, last) <= refund(payments, period, less, first)


@given(plans(), st.integers(0, 40))
def test_who_has_used_all_gets_nothing_back(bought: tuple[list[Payment], Period], days: int) -> None:
    payments, period = bought
    assert refund(payments, period, PLANS[payments[-1].plan].messages, period.start + days * DAY) == 0


@given(plans(), st.integers(0, 7))
def test_who_has_used_nothing_gets_all_back_within_seven_days_of_paying(
    bought: tuple[list[Payment], Period], days: int
) -> None:
    payments, period = bought
    today = payments[-1].on + days * DAY
    assume(today < period.end)
    assert refunds_of(payments, period, 0, today)[-1].refund == payments[-1].left


@given(plans(), st.integers(8, 40))
def test_after_seven_days_who_has_used_nothing_gets_the_days_not_begun(
    bought: tuple[list[Payment], Period], days: int
) -> None:
    payments, period = bought
    [first, *_] = refunds_of(payments, period, 0, period.start + days * DAY)
    days_left = max(period.days - days - 1, 0)
    assert first.refund == min(int(first.amount) * days_left // period.days, payments[0].left)

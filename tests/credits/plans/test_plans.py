"""The rules of plans: months that tile time, and upgrades by the day."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.credits.plans.plans import (
    PLANS,
    RETRY_DAYS,
    Part,
    Period,
    Subscription,
    due_at,
    period_of,
    quote_cancel,
    quote_change,
    upgrade_price,
)

days = st.dates(dt.date(2020, 1, 1), dt.date(2060, 12, 31))
fees = st.integers(0, 1_000_000).map(Decimal)


def date(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


@pytest.mark.parametrize(
    ("anchor", "starts"),
    [
        ("2026-01-31", ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]),
        ("2028-01-31", ["2028-01-31", "2028-02-29", "2028-03-31"]),
        ("2028-02-29", ["2028-02-29", "2028-03-29", "2028-04-29"]),
        ("2027-12-30", ["2027-12-30", "2028-01-30", "2028-02-29", "2028-03-30"]),
        ("2026-11-15", ["2026-11-15", "2026-12-15", "2027-01-15"]),
    ],
)
def test_a_short_month_shortens_its_own_period_and_moves_no_later_one(anchor: str, starts: list[str]) -> None:
    found = [date(anchor)]
    while len(found) < len(starts):
        found.append(period_of(date(anchor), found[-1]).end)
    assert found == [date(start) for start in starts]


def test_a_leap_days_anchor_comes_back_on_the_next_leap_day() -> None:
    assert period_of(date("2028-02-29"), date("2032-02-29")).start == date("2032-02-29")
    assert period_of(date("2028-02-29"), date("2029-02-28")).start == date("2029-02-28")


@given(days, st.integers(0, 20_000))
def test_every_day_from_the_anchor_on_is_in_exactly_one_period(anchor: dt.date, later: int) -> None:
    day = anchor + dt.timedelta(days=later)
    period = period_of(anchor, day)
    assert anchor <= period.start <= day < period.end
    assert 28 <= period.days <= 31
    assert period_of(anchor, period.end).start == period.end
    assert period_of(anchor, period.end - dt.timedelta(days=1)) == period
    assert period.start == anchor or period_of(anchor, period.start - dt.timedelta(days=1)).end == period.start


NOVEMBER = Period(date("2026-11-21"), date("2026-12-21"))


@pytest.mark.parametrize(
    ("today", "price"), [("2026-11-21", 70_000), ("2026-12-06", 35_000), ("2026-12-14", 16_333), ("2026-12-20", 2_333)]
)
def test_an_upgrade_costs_the_difference_for_the_days_that_are_left(today: str, price: int) -> None:
    assert upgrade_price(PLANS["BASIC"].fee, PLANS["PRO"].fee, NOVEMBER, date(today)) == price


@given(fees, fees, days, st.data())
def test_proration_is_whole_won_between_nothing_and_the_fee(
    fee: Decimal, new_fee: Decimal, anchor: dt.date, data: st.DataObject
) -> None:
    period = period_of(anchor, anchor)
    today = anchor + dt.timedelta(days=data.draw(st.integers(-5, 40)))
    price = upgrade_price(fee, new_fee, period, today)
    assert 0 <= price <= new_fee
    assert price == price.to_integral_value()
    assert upgrade_price(fee, new_fee, period, today + dt.timedelta(days=1)) <= price


def test_an_upgrade_on_the_first_day_comes_to_the_greater_plans_fee() -> None:
    basic, pro = PLANS["BASIC"].fee, PLANS["PRO"].fee
    assert basic + upgrade_price(basic, pro, NOVEMBER, NOVEMBER.start) == pro


def test_the_least_upgrade_is_more_than_toss_takes_at_least() -> None:
    fees_ = [plan.fee for plan in PLANS.values() if plan.fee]
    longest = Period(date("2026-12-01"), date("2027-01-01"))
    steps = [upgrade_price(one, more, longest, date("2026-12-31")) for one in fees_ for more in fees_ if more > one]
    assert min([*steps, *fees_]) >= 100


def on_basic(**more: object) -> Subscription:
    fields: dict[str, object] = {
        "tenant": "saas",
        "plan": "BASIC",
        "fee": PLANS["BASIC"].fee,
        "anchor": NOVEMBER.start,
        "period": NOVEMBER,
        "next_plan": None,
        "status": "active",
        "past_due_since": None,
        "tries": 0,
        "pending_order": None,
        "granted": False,
        "granted_until": None,
    }
    return Subscription(**(fields | more))  # type: ignore[arg-type]


def test_a_quote_says_what_when_and_what_comes_after() -> None:
    today = date("2026-12-06")
    up = quote_change(on_basic(), "PRO", today)
    assert [up.action, up.charge, up.on, up.renews_on, up.fee] == ["upgrade", 35_000, today, NOVEMBER.end, 99_000]
    down = quote_change(on_basic(), "FREE", today)
    assert [down.action, down.charge, down.refund, down.on, down.renews_on] == ["schedule", 0, 0, NOVEMBER.end, None]
    undo = quote_change(on_basic(next_plan="FREE"), "BASIC", today)
    assert [undo.action, undo.charge, undo.renews_on] == ["undo", 0, NOVEMBER.end]
    assert [up.from_fee, up.days_left, up.days] == [29_000, 15, 30]
    gone = quote_cancel(
        on_basic(), [Part("o-1", Decimal(29_000), 30, 14, 30_000, 30_000, False, Decimal(13_533))], today
    )
    assert [gone.action, gone.refund, gone.on, gone.renews_on] == ["cancel", 13_533, today, None]


def test_after_the_period_any_plan_is_paid_in_full_from_the_anchors_day() -> None:
    late = quote_change(on_basic(), "PRO", date("2026-12-23"))
    assert [late.action, late.charge, late.renews_on] == ["pay", 99_000, date("2027-01-21")]
    assert quote_change(on_basic(), "FREE", date("2026-12-23")).action == "cancel"


def test_a_renewal_is_due_as_the_day_begins_in_seoul_and_again_after_each_refusal_until_the_last() -> None:
    assert due_at(on_basic()) == dt.datetime(2026, 12, 20, 15, tzinfo=dt.UTC)
    since = dt.datetime(2026, 12, 20, 15, 2, tzinfo=dt.UTC)
    owing = [on_basic(status="past_due", past_due_since=since, tries=tries) for tries in (1, 2, 3, 4)]
    assert [due_at(one) for one in owing] == [*(since + dt.timedelta(days=days) for days in RETRY_DAYS), None]

"""Plans that the operator gives: nobody is charged, and the history says why."""

import datetime as dt

import pytest

from shared.credits.errors import CreditError
from shared.credits.plans.granting import grant
from shared.credits.plans.plans import PLANS, PlanName, Subscription
from shared.credits.plans.quota import read_quota
from shared.providers import ProviderError
from tests.credits.paying import TENANT
from tests.credits.planning import CHARGE, Office

DAY = 86_400


async def _grant(office: Office, plan: PlanName = "PRO", until: str | None = None, why: str = "이체") -> Subscription:
    end = until and dt.date.fromisoformat(until)
    async with office.owner.transaction() as connection:
        return await grant(connection, TENANT, plan, office.clock.now(), why=why, until=end or None)


async def _refused(office: Office, plan: PlanName = "PRO", until: str | None = None, why: str = "이체") -> str:
    with pytest.raises(CreditError) as refused:
        await _grant(office, plan, until, why)
    assert refused.value.detail_ko
    return refused.value.code


async def test_a_plan_without_a_card_is_there_at_once_and_its_history_says_why(office: Office) -> None:
    given = await _grant(office, why="  pays by bank transfer ")
    assert given == await office.has()
    assert (given.plan, int(given.fee), given.granted, given.status) == ("PRO", 0, True, "active")
    async with office.owner.connection() as connection:
        quota = await read_quota(connection, TENANT, office.clock.now())
    assert (quota.allowed, quota.left) == (PLANS["PRO"].messages,) * 2
    assert office.rows("select reason, from_plan::text, to_plan::text, amount, detail from plan_history") == [
        {"reason": "granted", "from_plan": "FREE", "to_plan": "PRO", "amount": 0, "detail": "pays by bank transfer"}
    ]


async def test_it_goes_on_from_month_to_month_without_a_charge(office: Office) -> None:
    office.go_to(2027, 1, 31)
    await _grant(office)
    await office.card()
    for month, day in ((2, 28), (3, 31), (4, 30), (7, 31)):
        office.go_to(2027, month, day, hour=0)
        await office.sweep()
        has = await office.has()
        assert has.period is not None
        assert (has.plan, has.granted, has.period.start) == ("PRO", True, dt.date(2027, month, day))
    assert (office.orders(), await office.money(), office.alerts()) == ([], (0, 0), [])
    assert office.history() == [("granted", 0)]


async def test_it_ends_on_its_day_in_seoul_and_not_a_second_before(office: Office) -> None:
    await _grant(office, until="2026-12-05")
    office.go_to(2026, 12, 4, hour=23)
    office.clock.advance(3_599)
    await office.sweep()
    assert await office.plan() == "PRO"
    office.clock.advance(1)
    await office.sweep()
    has = await office.has()
    assert (has.plan, has.granted, has.granted_until) == ("FREE", False, None)
    assert office.history() == [("granted", 0), ("grant_ended", 0)]


async def test_it_ends_on_its_day_also_after_months_in_which_no_tick_came(office: Office) -> None:
    await _grant(office, until="2027-02-10")
    office.go_to(2027, 5, 1)
    await office.sweep()
    assert await office.plan() == "FREE"


async def test_the_same_again_changes_nothing_and_another_keeps_the_month(office: Office) -> None:
    first = await _grant(office)
    office.clock.advance(3 * DAY)
    assert await _grant(office) == first
    assert office.history() == [("granted", 0)]
    other = await _grant(office, "BASIC", "2027-03-01")
    assert (other.anchor, other.period, other.granted_until) == (first.anchor, first.period, dt.date(2027, 3, 1))
    assert (await _grant(office, "BASIC")).granted_until is None
    assert [reason for reason, _ in office.history()] == ["granted"] * 3


async def test_free_ends_what_was_granted(office: Office) -> None:
    await _grant(office)
    office.clock.advance(1)
    for _ in range(2):
        assert await _grant(office, "FREE") == await office.has()
    assert await office.plan() == "FREE"
    assert office.history() == [("granted", 0), ("grant_ended", 0)]


async def test_a_plan_that_a_card_pays_for_is_left_alone(office: Office) -> None:
    await office.subscribed("BASIC")
    assert await _refused(office) == "plan_is_paid"
    assert await _refused(office, "FREE") == "plan_is_paid"
    assert office.history() == [("subscribed", 29_000)]


async def test_what_a_card_owes_is_owed_no_more(office: Office) -> None:
    await office.subscribed("BASIC")
    await office.card("reject")
    office.go_to(2026, 12, 21, hour=1)
    await office.sweep()
    assert office.alerts() == ["plan_payment_failed"]
    assert await _refused(office, "FREE") == "plan_is_paid"
    await _grant(office)
    has = await office.has()
    assert (has.plan, has.status, has.tries, office.alerts()) == ("PRO", "active", 0, [])
    office.clock.advance(40 * DAY)
    await office.sweep()
    assert (await office.plan(), await office.money()) == ("PRO", (29_000, 0))


async def test_what_the_business_buys_takes_its_place_and_is_charged_from_then_on(office: Office) -> None:
    await _grant(office, until="2026-12-01")
    await office.card()
    office.clock.advance(3 * DAY)
    quote = await office.plans().quote_change(TENANT, "BASIC")
    assert (quote.action, int(quote.charge)) == ("subscribe", 29_000)
    await office.plans().change(TENANT, "BASIC", shown=quote.charge)
    has = await office.has()
    assert (has.plan, has.granted, has.granted_until) == ("BASIC", False, None)
    office.clock.advance(32 * DAY)
    await office.sweep()
    assert await office.money() == (58_000, 0)
    assert office.history() == [("granted", 0), ("subscribed", 29_000), ("renewed", 29_000)]


async def test_a_card_that_is_refused_leaves_what_was_granted(office: Office) -> None:
    given = await _grant(office, until="2026-12-01")
    await office.card("reject")
    with pytest.raises(CreditError, match="payment_refused"):
        await office.plans().change(TENANT, "PRO")
    assert await office.has() == given
    office.go_to(2026, 12, 1)
    await office.sweep()
    assert await office.plan() == "FREE"


async def test_a_charge_that_is_under_way_keeps_it_waiting(office: Office) -> None:
    await office.card()
    await office.shop.faults(accept_then_drop={"count": 1, "on": CHARGE})
    with pytest.raises(ProviderError):
        await office.plans().change(TENANT, "BASIC")
    assert await _refused(office) == "plan_change_under_way"
    office.clock.advance(200)
    await office.sweep()
    assert await _refused(office) == "plan_is_paid"


async def test_a_charge_whose_answer_was_lost_is_decided_before_the_grant_ends(office: Office) -> None:
    await _grant(office, until="2026-11-22")
    await office.card()
    await office.shop.faults(accept_then_drop={"count": 1, "on": CHARGE})
    with pytest.raises(ProviderError):
        await office.plans().change(TENANT, "BASIC")
    office.clock.advance(2 * DAY)
    await office.sweep()
    assert (await office.plan(), await office.money()) == ("BASIC", (29_000, 0))


async def test_whoever_cancels_it_gets_nothing_back(office: Office) -> None:
    await _grant(office)
    quote = await office.plans().quote_cancel(TENANT)
    assert (quote.action, int(quote.refund)) == ("cancel", 0)
    await office.plans().cancel(TENANT, shown=quote.refund)
    assert (await office.plan(), await office.money()) == ("FREE", (0, 0))


async def test_a_plan_that_was_paid_and_ended_that_day_is_not_given_back_with_what_was_granted_after_it(
    office: Office,
) -> None:
    await office.subscribed("BASIC")
    office.rows(
        "insert into ledger_entries (tenant, id, kind, key, messages, created_at)"
        " select %s, gen_random_uuid(), 'hold', 'k', array_agg(gen_random_uuid()), %s from generate_series(1, 15000)",
        *(TENANT, office.clock.now()),
    )
    await office.plans().cancel(TENANT)
    assert await office.money() == (29_000, 14_500)
    await _grant(office, "BASIC")
    assert (await office.plans().cancel(TENANT)).refund == 0
    assert await office.money() == (29_000, 14_500)
    assert sorted(won for _, won in office.history()) == [-14_500, 0, 0, 29_000]


async def test_free_at_the_end_is_free_now_for_nothing_was_paid(office: Office) -> None:
    await _grant(office)
    await office.plans().change(TENANT, "FREE")
    assert await office.plan() == "FREE"


@pytest.mark.parametrize(
    ("plan", "until", "why", "code"),
    [
        ("PRO", None, "  ", "bad_why"),
        ("PRO", None, "x" * 501, "bad_why"),
        ("PRO", "2026-11-21", "x", "bad_until"),
        ("PRO", "2026-01-01", "x", "bad_until"),
        ("FREE", "2027-01-01", "x", "bad_until"),
    ],
    ids=["blank", "long", "today", "past", "free-until"],
)
async def test_what_makes_no_sense_is_refused(
    office: Office, plan: PlanName, until: str | None, why: str, code: str
) -> None:
    assert await _refused(office, plan, until, why) == code
    assert office.history() == []


async def test_nobody_is_granted_nothing(office: Office) -> None:
    async with office.owner.transaction() as connection:
        with pytest.raises(CreditError, match="unknown_tenant"):
            await grant(connection, "nobody", "PRO", office.clock.now(), why="x")

"""Renewing plans by the tick: charged once a month, tried again on days that are known, and FREE after the last."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest

from shared.credits.errors import CreditError
from shared.credits.ledger.low_balances import watch_low_balances
from tests.credits.paying import TENANT
from tests.credits.planning import CHARGE, Office


async def test_two_ticks_at_once_charge_a_month_once_and_not_before_its_day_in_seoul(office: Office) -> None:
    await office.subscribed("BASIC")
    office.clock.advance(30 * 86_400 - 12 * 3_600 - 2)  # 20 December, 23:59:59 of Seoul
    await office.sweep()
    assert await office.money() == (29_000, 0)
    office.clock.advance(1)
    await asyncio.gather(*(office.sweep() for _ in range(4)))
    assert await office.money() == (58_000, 0)
    has = await office.has()
    assert has.period is not None
    assert (has.period.start, has.period.end) == (dt.date(2026, 12, 21), dt.date(2027, 1, 21))


async def test_a_month_that_began_on_the_31st_is_renewed_on_the_last_days_of_shorter_months(office: Office) -> None:
    office.go_to(2027, 12, 31)
    await office.subscribed("BASIC")
    for month, day in ((1, 31), (2, 29), (3, 31), (4, 30)):
        office.go_to(2028, month, day, hour=0)
        await office.sweep()
        has = await office.has()
        assert has.period is not None
        assert has.period.start == dt.date(2028, month, day)
    assert await office.money() == (5 * 29_000, 0)


async def test_a_refused_renewal_is_tried_again_after_1_3_and_7_days_with_an_alert_each_and_then_is_free(
    office: Office,
) -> None:
    await office.subscribed("BASIC")
    await office.card("reject")
    tried = []
    office.go_to(2026, 12, 21, hour=0)
    for _ in range(9 * 4):
        before = len(office.orders())
        await office.sweep()
        if len(office.orders()) > before:
            tried.append((office.clock.now() - dt.datetime(2026, 12, 20, 15, tzinfo=dt.UTC)).days)
            assert office.alerts() == ["plan_payment_failed" if len(tried) < 4 else "plan_ended"]
        assert await office.plan() == ("BASIC" if len(tried) < 4 else "FREE")
        office.clock.advance(6 * 3_600)
    assert tried == [0, 1, 3, 7]
    [alerts] = office.rows("select count(*) as n from alerts where kind = 'plan_payment_failed'")
    assert alerts["n"] == 3
    refusals = [("payment_refused", 0)] * 4
    assert sorted(office.history()) == [("ended_unpaid", 0), *refusals, ("subscribed", 29_000)]
    assert await office.money() == (29_000, 0)


async def test_a_success_after_refusals_ends_the_alert_and_keeps_the_anchor(office: Office) -> None:
    await office.subscribed("BASIC")
    await office.card("reject")
    office.go_to(2026, 12, 21, hour=1)
    await office.sweep()
    assert ((await office.has()).status, office.alerts()) == ("past_due", ["plan_payment_failed"])
    await office.card()
    office.go_to(2026, 12, 22, hour=1)
    await office.sweep()
    has = await office.has()
    assert has.period is not None
    assert (has.status, has.tries, has.period.start) == ("active", 0, dt.date(2026, 12, 21))
    assert (office.alerts(), await office.money()) == ([], (58_000, 0))


async def test_who_owes_can_pay_at_once_also_for_another_plan_and_a_refusal_then_is_no_further_try(
    office: Office,
) -> None:
    await office.subscribed("BASIC")
    await office.card("reject")
    office.go_to(2026, 12, 21)
    await office.sweep()
    with pytest.raises(CreditError, match="payment_refused"):
        await office.plans().change(TENANT, "PRO")
    owes = await office.has()
    assert (owes.status, owes.tries, owes.plan) == ("past_due", 1, "BASIC")
    await office.card()
    quote = await office.plans().quote_change(TENANT, "PRO")
    await office.plans().change(TENANT, "PRO", shown=quote.charge)
    assert (await office.plan(), await office.money()) == ("PRO", (29_000 + 99_000, 0))
    office.clock.advance(3 * 86_400)
    await office.sweep()
    assert await office.money() == (29_000 + 99_000, 0)


async def test_who_owes_may_leave_and_nothing_is_given_back(office: Office) -> None:
    await office.subscribed("BASIC")
    await office.card("reject")
    office.go_to(2026, 12, 21)
    await office.sweep()
    office.clock.advance(60)
    await office.plans().cancel(TENANT)
    assert office.alerts() == []
    office.clock.advance(8 * 86_400)
    await office.sweep()
    assert (await office.plan(), await office.money()) == ("FREE", (29_000, 0))


async def test_without_a_card_a_renewal_counts_as_refused(office: Office) -> None:
    await office.subscribed("BASIC")
    office.rows("delete from billing_keys")
    office.go_to(2026, 12, 21)
    await office.sweep()
    assert ((await office.has()).status, office.alerts()) == ("past_due", ["plan_payment_failed"])
    assert office.orders() == ["paid"]


@pytest.mark.parametrize("fault", ["accept_then_drop", "drop_before"])
async def test_a_crash_during_a_renewal_ends_with_one_charge(office: Office, fault: str) -> None:
    await office.subscribed("BASIC")
    office.go_to(2026, 12, 21)
    await office.shop.faults(**{fault: {"count": 1, "on": CHARGE}})
    await office.sweep()
    assert (await office.has()).is_due(dt.date(2026, 12, 21))
    for _ in range(2):
        office.clock.advance(200)
        await asyncio.gather(*(office.sweep() for _ in range(3)))
    assert (await office.money(), (await office.has()).status) == ((58_000, 0), "active")
    assert office.orders() == ["paid", "paid"]


async def test_a_tick_that_was_away_for_hours_renews_anew_and_counts_no_refusal(office: Office) -> None:
    await office.subscribed("BASIC")
    office.go_to(2026, 12, 21)
    await office.shop.faults(drop_before={"count": 1, "on": CHARGE})
    await office.sweep()
    office.go_to(2026, 12, 21, hour=20)
    await office.sweep()
    assert (await office.money(), (await office.has()).tries) == ((58_000, 0), 0)
    assert sorted(office.orders()) == ["failed", "paid", "paid"]


async def test_nobody_pays_for_months_in_which_no_tick_came(office: Office) -> None:
    await office.subscribed("BASIC")
    office.go_to(2027, 4, 1)
    await office.sweep()
    has = await office.has()
    assert has.period is not None
    assert (has.period.start, await office.money()) == (dt.date(2027, 3, 21), (58_000, 0))


async def test_a_plan_whose_end_was_asked_for_is_free_from_that_day_on_without_a_charge(office: Office) -> None:
    await office.subscribed("PRO")
    await office.plans().change(TENANT, "FREE")
    office.go_to(2026, 12, 20)
    await office.sweep()
    assert await office.plan() == "PRO"
    office.go_to(2026, 12, 21, hour=0)
    await office.sweep()
    has = await office.has()
    assert (has.plan, has.anchor, await office.money()) == ("FREE", dt.date(2026, 12, 21), (99_000, 0))


async def test_many_that_are_due_are_renewed_one_after_another_by_ticks_at_once(office: Office) -> None:
    await office.subscribed("BASIC")
    office.rows("insert into tenants (id, name) select 'other-' || n, 'Other' from generate_series(1, 6) n")
    office.rows("""
        update tenant_plans t
        set plan = b.plan, fee = b.fee, anchor = b.anchor, period_start = b.period_start, period_end = b.period_end,
            next_try_at = b.next_try_at
        from tenant_plans b where b.tenant = 'saas' and t.tenant <> 'saas'
        """)
    office.go_to(2026, 12, 21)
    await asyncio.gather(*(office.sweep() for _ in range(4)))
    found = office.rows("select tenant, status::text, tries from tenant_plans order by tenant")
    assert [(row["status"], row["tries"]) for row in found] == [("past_due", 1)] * 6 + [("active", 0)]
    assert await office.money() == (58_000, 0)


async def test_a_card_that_can_not_be_opened_is_nobody_elses_matter(office: Office) -> None:
    await office.subscribed("BASIC")
    office.rows("insert into tenants (id, name) values ('broken', 'Broken')")
    office.rows("""
        update tenant_plans t
        set plan = b.plan, fee = b.fee, anchor = b.anchor, period_start = b.period_start, period_end = b.period_end,
            next_try_at = b.next_try_at - interval '1 hour'
        from tenant_plans b where b.tenant = 'saas' and t.tenant = 'broken'
        """)
    office.rows("""
        insert into billing_keys (tenant, customer_key, billing_key, created_at)
        select 'broken', customer_key, billing_key, created_at from billing_keys
        """)
    office.go_to(2026, 12, 21)
    await office.sweep()
    found = office.rows("select tenant, period_end, status::text, tries from tenant_plans order by tenant")
    assert [(row["tenant"], row["period_end"].month, row["status"], row["tries"]) for row in found] == [
        ("broken", 12, "past_due", 1),
        ("saas", 1, "active", 0),
    ]
    broken = office.rows("select status::text, failure_code from payment_orders where tenant = 'broken'")
    assert [(row["status"], row["failure_code"]) for row in broken] == [("failed", "card_unreadable")]
    assert office.alerts() == ["plan_payment_failed"]
    assert await office.money() == (58_000, 0)


async def test_who_changes_a_plan_with_a_card_that_can_not_be_opened_is_told_to_register_it_again(
    office: Office,
) -> None:
    await office.card()
    office.rows("update billing_keys set billing_key = %(sealed)s", sealed=b"sealed with a key that is gone")
    with pytest.raises(CreditError, match="card_unreadable"):
        await office.plans().change(TENANT, "PRO")
    assert (await office.plan(), office.orders(), (await office.has()).pending_order) == ("FREE", ["failed"], None)
    await office.card()
    await office.plans().change(TENANT, "PRO")
    assert await office.plan() == "PRO"


async def test_a_low_balance_is_told_once_until_it_is_not_low(office: Office) -> None:
    await watch_low_balances(office.sweeper, office.clock)
    assert office.alerts() == [], "an account that never had credit is new"
    await office.paid(12_000)
    office.spend(1_999)
    await watch_low_balances(office.sweeper, office.clock)
    assert office.alerts() == []
    office.spend(2)
    for _ in range(3):
        await watch_low_balances(office.sweeper, office.clock)
        office.clock.advance(60)
    assert office.alerts() == ["low_balance"]
    office.rows("update credit_accounts set low_balance = 5000")
    await watch_low_balances(office.sweeper, office.clock)
    assert office.alerts() == []
    office.spend(6_000)
    await watch_low_balances(office.sweeper, office.clock)
    rows = office.rows("select detail from alerts where kind = 'low_balance'")
    assert (office.alerts(), len(rows)) == (["low_balance"], 2)

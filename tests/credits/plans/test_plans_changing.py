"""Changing plans through Toss: what is shown is what happens, and nothing is charged or given back twice."""

from __future__ import annotations

import asyncio
import datetime as dt
from decimal import Decimal

import orjson
import pytest

from shared.credits.errors import CreditError
from shared.credits.plans.quota import read_quota
from shared.credits.plans.subscribing import plan_named
from shared.providers import ProviderError
from tests.credits.paying import TENANT
from tests.credits.planning import CHARGE, Office


async def test_a_tenant_starts_free_and_pays_a_month_from_the_day_it_subscribes(office: Office) -> None:
    assert await office.plan() == "FREE"
    await office.subscribed("BASIC")
    has = await office.has()
    assert has.period is not None
    assert (has.plan, has.period.start, has.period.end) == ("BASIC", dt.date(2026, 11, 21), dt.date(2026, 12, 21))
    assert await office.money() == (29_000, 0)
    assert office.history() == [("subscribed", 29_000)]
    assert await office.balance() == 0, "a plan is no credit"
    assert await office.difference() == 0


async def test_an_upgrade_is_given_at_once_for_the_difference_that_was_shown(office: Office) -> None:
    await office.subscribed("BASIC")
    office.go_to(2026, 12, 6)
    quote = await office.plans().quote_change(TENANT, "PRO")
    assert quote.charge == 35_000
    await office.plans().change(TENANT, "PRO", shown=quote.charge)
    has = await office.has()
    assert has.period is not None
    assert [has.plan, has.fee, has.period.end] == ["PRO", 99_000, dt.date(2026, 12, 21)]
    assert await office.money() == (64_000, 0)


async def test_a_price_that_changed_since_it_was_shown_changes_nothing(office: Office) -> None:
    await office.subscribed("BASIC")
    shown = (await office.plans().quote_change(TENANT, "PRO")).charge
    office.go_to(2026, 11, 22, hour=0)
    with pytest.raises(CreditError, match="quote_changed"):
        await office.plans().change(TENANT, "PRO", shown=shown)
    with pytest.raises(CreditError, match="quote_changed"):
        await office.plans().cancel(TENANT, shown=Decimal(28_033))
    assert (await office.plan(), await office.money()) == ("BASIC", (29_000, 0))


async def test_without_a_card_nothing_is_bought(office: Office) -> None:
    with pytest.raises(CreditError, match="no_card"):
        await office.plans().change(TENANT, "BASIC")
    assert (await office.plan(), office.orders()) == ("FREE", [])


async def test_a_refused_card_leaves_the_plan_and_may_be_tried_again(office: Office) -> None:
    await office.card("reject")
    with pytest.raises(CreditError, match="payment_refused"):
        await office.plans().change(TENANT, "BASIC")
    assert (await office.plan(), office.orders()) == ("FREE", ["failed"])
    await office.subscribed("BASIC")
    assert (await office.plan(), office.orders()) == ("BASIC", ["failed", "paid"])
    assert await office.money() == (29_000, 0)


async def test_five_upgrades_at_once_charge_once(office: Office) -> None:
    await office.subscribed("BASIC")
    upgrades = (office.plans().change(TENANT, "PRO") for _ in range(5))
    answers = await asyncio.gather(*upgrades, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, CreditError)]
    assert {error.code for error in refused} <= {"plan_change_under_way"}
    assert len(refused) < 5
    assert (await office.plans().change(TENANT, "PRO")).action == "none"
    assert await office.money() == (99_000, 0)
    assert office.history() == [("subscribed", 29_000), ("upgraded", 70_000)]


async def test_a_crash_before_the_charge_ends_with_one_charge(office: Office) -> None:
    await office.card()
    await office.shop.faults(drop_before={"count": 1, "on": CHARGE})
    with pytest.raises(ProviderError):
        await office.plans().change(TENANT, "BASIC")
    assert (await office.plan(), office.orders()) == ("FREE", ["confirming"])
    with pytest.raises(CreditError, match="plan_change_under_way"):
        await office.plans().change(TENANT, "BASIC")
    await office.sweep()
    assert await office.plan() == "FREE", "the order has its own instance still"
    office.clock.advance(200)
    await asyncio.gather(*(office.sweep() for _ in range(3)))
    assert (await office.plan(), office.orders(), await office.money()) == ("BASIC", ["paid"], (29_000, 0))


async def test_a_crash_after_the_charge_ends_with_one_charge(office: Office) -> None:
    await office.card()
    await office.shop.faults(accept_then_drop={"count": 1, "on": CHARGE})
    with pytest.raises(ProviderError):
        await office.plans().change(TENANT, "BASIC")
    assert await office.plan() == "FREE"
    office.clock.advance(200)
    await asyncio.gather(*(office.sweep() for _ in range(3)))
    assert (await office.plan(), office.orders(), await office.money()) == ("BASIC", ["paid"], (29_000, 0))


async def test_a_lost_refusal_is_found_out_and_leaves_the_plan(office: Office) -> None:
    await office.card("reject")
    await office.shop.faults(accept_then_drop={"count": 1, "on": CHARGE})
    with pytest.raises(ProviderError):
        await office.plans().change(TENANT, "BASIC")
    office.clock.advance(200)
    await office.sweep()
    assert (office.orders(), (await office.has()).pending_order) == (["failed"], None)
    await office.subscribed("BASIC")
    assert (await office.plan(), await office.money()) == ("BASIC", (29_000, 0))


async def test_an_order_that_never_reached_toss_is_not_charged_on_another_day(office: Office) -> None:
    await office.card()
    await office.shop.faults(drop_before={"count": 1, "on": CHARGE})
    with pytest.raises(ProviderError):
        await office.plans().change(TENANT, "BASIC")
    office.clock.advance(86_400)
    await office.sweep()
    assert (await office.plan(), office.orders(), await office.money()) == ("FREE", ["failed"], (0, 0))


async def test_a_webhook_before_the_answer_gives_the_plan_and_the_answer_changes_nothing(office: Office) -> None:
    await office.card()
    await office.shop.faults(accept_then_drop={"count": 1, "on": CHARGE})
    with pytest.raises(ProviderError):
        await office.plans().change(TENANT, "BASIC")
    [order] = office.rows("select id from payment_orders")
    told = orjson.dumps({"eventType": "PAYMENT_STATUS_CHANGED", "data": {"orderId": order["id"]}})
    for _ in range(2):
        await office.told(told)
    assert await office.plan() == "BASIC"
    office.clock.advance(200)
    await office.sweep()
    assert office.history() == [("subscribed", 29_000)]
    assert await office.money() == (29_000, 0)


async def test_money_for_an_order_that_was_given_up_goes_back(office: Office) -> None:
    await office.card()
    await office.shop.faults(accept_then_drop={"count": 1, "on": CHARGE})
    with pytest.raises(ProviderError):
        await office.plans().change(TENANT, "BASIC")
    office.rows("update payment_orders set status = 'failed'")
    office.rows("update tenant_plans set pending_order = null, next_try_at = 'infinity'")
    [order] = office.rows("select id from payment_orders")
    told = orjson.dumps({"eventType": "PAYMENT_STATUS_CHANGED", "data": {"orderId": order["id"]}})
    for _ in range(3):
        await office.told(told)
        office.clock.advance(200)
        await office.sweep()
    assert (await office.plan(), await office.money()) == ("FREE", (29_000, 29_000))


async def test_a_downgrade_waits_for_the_periods_end_and_can_be_undone(office: Office) -> None:
    await office.subscribed("PRO")
    for _ in range(2):
        quote = await office.plans().change(TENANT, "BASIC")
        office.clock.advance(1)
        assert [quote.on, quote.charge, quote.refund] == [dt.date(2026, 12, 21), 0, 0]
    assert ((await office.has()).plan, (await office.has()).next_plan) == ("PRO", "BASIC")
    await office.plans().change(TENANT, "PRO")
    assert (await office.has()).next_plan is None
    office.clock.advance(1)
    await office.plans().change(TENANT, "FREE")
    office.clock.advance(1)
    await office.plans().change(TENANT, "BASIC")
    office.go_to(2026, 12, 21, hour=0)
    await office.sweep()
    assert (await office.plan(), await office.money()) == ("BASIC", (99_000 + 29_000, 0))
    assert [reason for reason, _ in office.history()] == [
        "subscribed",
        "change_scheduled",
        "change_undone",
        "change_scheduled",
        "change_scheduled",
        "downgraded",
    ]


async def test_a_cancel_gives_back_what_was_shown_over_all_payments_of_the_period(office: Office) -> None:
    await office.subscribed("BASIC")
    office.go_to(2026, 12, 6)
    await office.plans().change(TENANT, "PRO")
    office.go_to(2026, 12, 7)
    quote = await office.plans().quote_cancel(TENANT)
    assert quote.refund == 47_566
    assert await office.money() == (64_000, 0)
    await office.plans().cancel(TENANT, shown=quote.refund)
    assert (await office.plan(), await office.money()) == ("FREE", (64_000, 47_566))
    assert sorted(office.orders()) == ["cancelled", "partly_cancelled"]
    assert (office.history())[-1] == ("cancelled", -47_566)
    assert await office.difference() == 0


def _used(office: Office, messages: int) -> None:
    """So many messages were let through to a provider since."""
    office.rows(
        "insert into ledger_entries (tenant, id, kind, key, messages, created_at)"
        " select %s, gen_random_uuid(), 'hold', gen_random_uuid()::text, array_agg(gen_random_uuid()), %s"
        " from generate_series(1, %s)",
        *(TENANT, office.clock.now(), messages),
    )


@pytest.mark.parametrize(("used", "refund"), [(0, 29_000), (7_500, 21_750), (29_999, 0), (30_000, 0)])
async def test_what_was_used_of_a_plan_is_not_given_back(office: Office, used: int, refund: int) -> None:
    _used(office, 1_000)  # of FREE, earlier that day
    office.clock.advance(1)
    await office.subscribed("BASIC")
    _used(office, used)
    quote = await office.plans().quote_cancel(TENANT)
    [part] = quote.parts
    assert (int(quote.refund), part.messages_left, part.messages) == (refund, 30_000 - used, 30_000)
    await office.plans().cancel(TENANT, shown=quote.refund)
    assert await office.money() == (29_000, refund)


async def test_what_waits_to_be_sent_is_used_and_a_plan_begun_again_that_day_counts_anew(office: Office) -> None:
    await office.subscribed("BASIC")
    office.rows(
        "insert into outbox (tenant, id, topic, body, publish_at, created_at)"
        " select %(tenant)s, gen_random_uuid(), 'send-requests', jsonb_build_object("
        " 'tenant', %(tenant)s::text, 'messages', array_agg(gen_random_uuid())), %(now)s, %(now)s"
        " from generate_series(1, 15000)",
        tenant=TENANT,
        now=office.clock.now(),
    )
    assert (await office.plans().cancel(TENANT)).refund == 14_500
    office.rows("delete from outbox")
    _used(office, 15_000)
    office.clock.advance(1)
    await office.plans().change(TENANT, "BASIC")
    quote = await office.plans().cancel(TENANT)
    assert [int(part.refund) for part in quote.parts] == [29_000]
    assert await office.money() == (58_000, 43_500)


async def _left(office: Office) -> int:
    async with office.owner.connection() as connection:
        return (await read_quota(connection, TENANT, office.clock.now())).left


async def test_whoever_subscribes_and_cancels_again_and_again_has_no_more_of_free_than_a_month_has(
    office: Office,
) -> None:
    sent = 0
    for day in (22, 23, 24):
        office.go_to(2026, 11, day)
        sent += (left := await _left(office))
        if left:
            _used(office, left)
            office.clock.advance(1)
        await office.subscribed("PRO")
        await office.plans().cancel(TENANT)
    assert (sent, await _left(office)) == (1_000, 0)
    assert await office.money() == (297_000, 297_000)
    office.go_to(2026, 12, 21)
    assert await _left(office) == 1_000, "a month after the tenant came"


async def test_free_after_a_plan_that_was_used_up_or_is_over_begins_that_day(office: Office) -> None:
    await office.subscribed("BASIC")
    _used(office, 30_000)
    office.go_to(2026, 11, 25)
    assert (await office.plans().cancel(TENANT)).refund == 0
    assert await _left(office) == 1_000
    await office.subscribed("BASIC")
    await office.plans().change(TENANT, "FREE")
    _used(office, 10)
    office.go_to(2026, 12, 25)
    await office.sweep()
    assert (await office.plan(), await _left(office)) == ("FREE", 1_000)
    _used(office, 400)
    await office.subscribed("BASIC")
    await office.plans().cancel(TENANT)
    assert await _left(office) == 600


async def test_cancelling_twice_gives_back_once(office: Office) -> None:
    await office.subscribed("PRO")
    await asyncio.gather(*(office.plans().cancel(TENANT) for _ in range(4)))
    assert (await office.plans().cancel(TENANT)).action == "none"
    assert (await office.plan(), await office.money()) == ("FREE", (99_000, 99_000))


@pytest.mark.parametrize("fault", ["accept_then_drop", "drop_before"])
async def test_a_lost_answer_to_a_refund_is_decided_by_asking(office: Office, fault: str) -> None:
    await office.subscribed("PRO")
    await office.shop.faults(**{fault: {"count": 1, "on": "POST .*/cancel$"}})
    await office.plans().cancel(TENANT)
    assert await office.plan() == "FREE"
    office.clock.advance(120)
    await office.sweep()
    assert await office.money() == (99_000, 99_000)


async def test_what_was_given_back_in_tosss_dashboard_is_not_given_back_again(office: Office) -> None:
    await office.subscribed("PRO")
    [order] = office.rows("select id from payment_orders")
    await office.shop.control("cancel", orderId=order["id"], amount=90_000)
    told = orjson.dumps({"eventType": "PAYMENT_STATUS_CHANGED", "data": {"orderId": order["id"]}})
    await office.told(told)
    assert office.alerts() == ["plan_payment_cancelled"]
    assert await office.balance() == 0
    assert (await office.plans().quote_cancel(TENANT)).refund == 9_000
    await office.plans().cancel(TENANT)
    assert await office.money() == (99_000, 99_000)


async def test_a_refund_that_toss_refuses_tells_a_person(office: Office) -> None:
    await office.subscribed("PRO")
    [order] = office.rows("select id from payment_orders")
    await office.shop.control("cancel", orderId=order["id"], amount=50_000)  # nobody has told us yet
    await office.plans().cancel(TENANT)
    assert await office.plan() == "FREE"
    assert office.alerts() == ["plan_refund_refused"]
    assert await office.balance() == 0


async def test_a_plan_that_nobody_offers_and_a_tenant_that_nobody_knows_are_named(office: Office) -> None:
    assert plan_named(" pro ") == "PRO"
    with pytest.raises(CreditError, match="unknown_plan"):
        plan_named("gold")
    with pytest.raises(CreditError, match="unknown_tenant"):
        await office.plans().change("nobody", "PRO")

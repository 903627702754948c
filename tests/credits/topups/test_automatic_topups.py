"""Automatic top-ups: credit comes once when it is low, and no card is tried for ever."""

from __future__ import annotations

import asyncio
import datetime as dt
from decimal import Decimal

import pytest

from shared.platform.crypto import Keys
from tests.credits.paying import TENANT, Till
from tests.world import KEYS


async def with_card(till: Till, outcome: str = "ok", *, cap: int = 30_000) -> None:
    card = await till.shop.control("card", customerKey=f"tenant_{TENANT}", outcome=outcome)
    await till.automatic.register_card(TENANT, card["authKey"])
    till.rows(
        "insert into automatic_topups (tenant, threshold, amount, daily_cap) values (%(tenant)s, 5000, 10000, %(cap)s)",
        tenant=TENANT,
        cap=cap,
    )


async def test_low_credit_is_topped_up_once(till: Till) -> None:
    await with_card(till)
    charged = await asyncio.gather(*(till.charging.charge_due() for _ in range(5)))
    assert sum(charged) == 1
    assert await till.balance() == 10_000
    assert await till.charging.charge_due() == 0


async def test_automatic_top_ups_stop_at_the_daily_cap_of_seoul(till: Till) -> None:
    await with_card(till)
    for expected in (1, 1, 1, 0):
        till.clock.advance(300)
        assert await till.charging.charge_due() == expected
        till.spend(int(await till.balance()))
    assert (await till.shop.charged())["charged"] == 30_000
    till.clock.advance(86_400)
    assert await till.charging.charge_due() == 1


async def test_a_refused_card_is_left_alone_for_longer_each_time_and_at_last_for_good(till: Till) -> None:
    await with_card(till, outcome="reject", cap=1_000_000)
    tries = 0
    for _ in range(200):
        before = len(till.rows("select id from payment_orders"))
        assert await till.charging.charge_due() == 0
        tries += len(till.rows("select id from payment_orders")) - before
        till.clock.advance(600)
    assert tries == 5
    assert till.alerts() == ["topup_refused"]
    [row] = till.rows("select enabled, failures from automatic_topups")
    assert (row["enabled"], row["failures"]) == (False, 5)
    assert await till.balance() == 0


async def test_a_lost_answer_to_a_charge_is_not_charged_again(till: Till) -> None:
    await with_card(till)
    await till.shop.faults(accept_then_drop={"count": 1, "on": "POST .*/billing/[^/]+$"})
    assert await till.charging.charge_due() == 0
    till.clock.advance(120)
    await till.sweeping.reconcile()
    assert await till.charging.charge_due() == 0
    assert await till.balance() == Decimal(10_000)
    assert (await till.shop.charged())["charged"] == 10_000


@pytest.mark.parametrize(
    "sealed",
    [
        pytest.param(Keys([bytes(32)]).seal({"billing_key": "x"}, context=f"{TENANT}/billing"), id="with another key"),
        pytest.param(b"short", id="too short for a seal"),
        pytest.param(KEYS.seal({}, context="x"), id="for somebody else"),
    ],
)
async def test_a_card_that_can_not_be_opened_is_a_refusal_and_no_one_elses_matter(till: Till, sealed: bytes) -> None:
    await with_card(till)
    till.rows("insert into tenants (id, name) values ('broken', 'X')")
    till.rows(
        "insert into billing_keys values ('broken', 'tenant_broken', %(sealed)s, %(now)s)",
        sealed=sealed,
        now=till.clock.now(),
    )
    till.rows(
        "insert into automatic_topups (tenant, threshold, amount, daily_cap, next_try_at)"
        " values ('broken', 5000, 10000, 90000, '-infinity')"
    )
    till.rows(
        "update automatic_topups set next_try_at = %(at)s where tenant = %(tenant)s",
        at=till.clock.now() - dt.timedelta(days=1),
        tenant=TENANT,
    )
    assert await till.charging.charge_due() == 1  # the other one's
    for _ in range(200):
        till.clock.advance(600)
        assert await till.charging.charge_due() == 0
    orders = till.rows("select status::text, failure_code from payment_orders where tenant = 'broken'")
    assert [(order["status"], order["failure_code"]) for order in orders] == [("failed", "card_unreadable")] * 5
    [row] = till.rows("select enabled, failures from automatic_topups where tenant = 'broken'")
    assert (row["enabled"], row["failures"]) == (False, 5)
    assert till.alerts() == ["topup_refused"]


async def test_each_of_several_charges_at_once_is_counted(till: Till) -> None:
    await with_card(till)
    for tenant in ("second", "third"):
        till.rows("insert into tenants (id, name) values (%s, 'X')", tenant)
        card = await till.shop.control("card", customerKey=f"tenant_{tenant}", outcome="ok")
        await till.automatic.register_card(tenant, card["authKey"])
        till.rows(
            "insert into automatic_topups (tenant, threshold, amount, daily_cap) values (%s, 1, 100, 100)", tenant
        )
    assert await till.charging.charge_due() == 3


async def test_an_error_of_one_tenants_charge_is_not_its_neighbours(till: Till) -> None:
    await with_card(till)
    till.rows("insert into tenants (id, name) values ('broken', 'X')")
    card = await till.shop.control("card", customerKey="tenant_broken", outcome="ok")
    await till.automatic.register_card("broken", card["authKey"])
    till.rows(
        "insert into automatic_topups (tenant, threshold, amount, daily_cap) values ('broken', 5000, 10000, 90000)"
    )
    till.rows("update automatic_topups set next_try_at = %s where tenant = %s", till.clock.now(), TENANT)
    till.rows("alter table ledger_entries add constraint none check (tenant <> 'broken')")
    assert await till.charging.charge_due() == 1
    assert await till.balance() == 10_000
    till.spend(9_000)
    await till.shop.faults(accept_then_drop={"count": 1, "on": "POST .*/billing/[^/]+$"})
    till.clock.advance(61)
    assert await till.charging.charge_due() == 0
    till.clock.advance(61)
    await till.sweeping.reconcile()
    statuses = "select tenant, status::text from payment_orders order by tenant, created_at"
    assert [tuple(row.values()) for row in till.rows(statuses)] == [
        ("broken", "confirming"),
        (TENANT, "paid"),
        (TENANT, "paid"),
    ]
    till.rows("alter table ledger_entries drop constraint none")
    till.clock.advance(61)
    await till.sweeping.reconcile()
    assert [row["status"] for row in till.rows(statuses)] == ["paid"] * 3


@pytest.mark.parametrize("fault", ["drop_before", "accept_then_drop"])
async def test_a_refusal_that_is_learned_of_later_counts_like_any_other(till: Till, fault: str) -> None:
    await with_card(till, outcome="reject")
    for failures in (1, 2):
        await till.shop.faults(**{fault: {"count": 1, "on": "POST .*/billing/[^/]+$"}})
        assert await till.charging.charge_due() == 0
        assert till.rows("select id from payment_orders where status = 'confirming'")
        till.clock.advance(61)
        await till.sweeping.reconcile()
        [row] = till.rows("select enabled, failures, next_try_at from automatic_topups")
        [order] = till.rows("select failure_code, failure_detail from payment_orders order by created_at desc limit 1")
        assert None not in order.values()
        back_off = dt.timedelta(minutes=10 * failures)
        assert (row["enabled"], row["failures"]) == (True, failures)
        assert row["next_try_at"] == till.clock.now() + back_off
        assert till.alerts() == ["topup_refused"]
        till.clock.advance(back_off.seconds)
    assert till.rows("select id from payment_orders where status = 'confirming'") == []


async def test_a_charge_that_is_learned_of_later_ends_the_count_of_refusals(till: Till) -> None:
    await with_card(till, outcome="reject")
    assert await till.charging.charge_due() == 0
    await till.shop.control("card", customerKey=f"tenant_{TENANT}", outcome="ok")
    till.clock.advance(600)
    await till.shop.faults(accept_then_drop={"count": 1, "on": "POST .*/billing/[^/]+$"})
    assert await till.charging.charge_due() == 0
    till.clock.advance(61)
    await till.sweeping.reconcile()
    [row] = till.rows("select enabled, failures from automatic_topups")
    assert (row["enabled"], row["failures"], till.alerts()) == (True, 0, [])
    assert await till.balance() == 10_000

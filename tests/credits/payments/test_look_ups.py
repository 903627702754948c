"""What anybody says of orders, and how often Toss is asked because of it."""

from __future__ import annotations

from collections import Counter

import orjson
import pytest

from shared.credits.payments.calls.looking import AGAIN_AFTER, LookUps
from shared.credits.payments.calls.webhooks import PaymentCalls
from shared.providers.toss import Payment, Toss
from shared.tenants.store import save_tenant
from tests.credits.paying import TENANT, Till
from tests.endpoints import running


def told(order_id: str) -> bytes:
    return orjson.dumps({"eventType": "PAYMENT_STATUS_CHANGED", "data": {"orderId": order_id}})


class Asked(Toss):
    """Counts which orders Toss was asked about, and in which order."""

    def __init__(self, till: Till, simulator_url: str) -> None:
        super().__init__(simulator_url, till.shop.secret_key)
        self.orders: list[str] = []

    async def payment_of_order(self, order_id: str) -> Payment:
        self.orders.append(order_id)
        return await super().payment_of_order(order_id)


def _calls(till: Till) -> PaymentCalls:
    return PaymentCalls(till.as_role("allim_payment_calls"), till.clock)


def _look_ups(till: Till, toss: Toss) -> LookUps:
    return LookUps(till.as_role("allim_sweeper"), toss, till.sweeping, till.clock)


@pytest.mark.parametrize("role", ["allim_payment_calls", "allim_payments"])
async def test_a_call_is_taken_also_with_the_login_from_before_the_passwords_are_changed(till: Till, role: str) -> None:
    order_id = await till.paid()
    for _ in range(2):
        await PaymentCalls(till.as_role(role), till.clock).receive(told(order_id))
    assert [row["order_id"] for row in till.rows("select order_id from payment_look_ups")] == [order_id]


async def test_however_many_forged_calls_toss_is_asked_once_in_a_while_about_one_order(
    till: Till, simulator_url: str
) -> None:
    order_id = await till.paid()
    toss = Asked(till, simulator_url)
    for _ in range(3):
        for _ in range(50):
            await _calls(till).receive(told(order_id))
        await _look_ups(till, toss).run()
        await _look_ups(till, toss).run()
    assert toss.orders == [order_id]
    till.clock.advance(AGAIN_AFTER.total_seconds())
    await _look_ups(till, toss).run()
    assert toss.orders == [order_id] * 2, "what was said after the first time is looked after"
    till.clock.advance(AGAIN_AFTER.total_seconds())
    await _look_ups(till, toss).run()
    assert till.rows("select * from payment_look_ups") == [], "and then nothing is left of it"
    assert len(toss.orders) == 2


async def test_a_crowd_of_orders_of_one_tenant_does_not_hold_up_a_true_call_of_another(
    till: Till, simulator_url: str
) -> None:
    async with till.owner.transaction() as connection:
        await save_tenant(connection, "crowd", "crowd", now=till.clock.now())
    for _ in range(20):
        await _calls(till).receive(told((await till.payments.create_order("crowd", 1_000)).id))
    order_id, payment_key = await till.ordered()
    await till.shop.confirm(payment_key, order_id)
    till.clock.advance(1)
    await _calls(till).receive(told(order_id))
    toss = Asked(till, simulator_url)
    await _look_ups(till, toss).run()
    assert await till.balance() == 10_000
    assert toss.orders.index(order_id) < 4
    assert Counter(toss.orders).most_common(1)[0][1] == 1
    assert len(toss.orders) == 21


@pytest.mark.parametrize("fault", ["drop_before", "accept_then_drop"])
async def test_a_call_that_could_not_be_looked_after_is_looked_after_later(till: Till, fault: str) -> None:
    order_id, payment_key = await till.ordered()
    await till.shop.confirm(payment_key, order_id)
    await till.shop.faults(**{fault: {"count": 1, "on": "GET .*/orders/.*"}})
    await till.told(told(order_id))
    assert await till.balance() == 0
    till.clock.advance(AGAIN_AFTER.total_seconds())
    await _look_ups(till, till.toss).run()
    assert await till.balance() == 10_000


async def test_the_function_that_the_internet_calls_only_writes_down_what_to_look_at(till: Till) -> None:
    order_id = await till.paid()
    async with running("payment_webhook", till) as function:
        assert function.parts.settings.toss_secret_key is None
        assert (await function.post(told(order_id))).status_code == 200
        assert (await function.post(told("saas_000000000000"))).status_code == 404
    [owed] = till.rows("select tenant, order_id, owed from payment_look_ups")
    assert owed == {"tenant": TENANT, "order_id": order_id, "owed": True}

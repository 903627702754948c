"""One order, several keys: what was paid becomes credit, whichever came first and whatever was lost."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest

from shared.credits.errors import CreditError
from shared.credits.payments.payments import Payments
from shared.providers import ProviderError
from shared.providers.toss import Payment, Toss
from tests.credits.paying import PURPOSES, TENANT, Till
from tests.credits.payments.test_payments import told


async def lost(till: Till) -> tuple[str, str]:
    """An order that was paid, and the key that paid it; the answer never came."""
    order_id, payment_key = await till.ordered()
    await till.shop.faults(accept_then_drop={"count": 1, "on": "POST .*/confirm$"})
    with pytest.raises(ProviderError):
        await till.payments.confirm(TENANT, order_id, payment_key, 10_000)
    return order_id, payment_key


async def order_of(till: Till) -> tuple[str, str]:
    [row] = till.rows("select status::text, payment_key from payment_orders")
    return row["status"], row["payment_key"]


async def test_another_key_after_a_lost_answer_finds_the_order_paid(till: Till) -> None:
    order_id, payment_key = await lost(till)
    order = await till.payments.confirm(TENANT, order_id, "never-given-out", 10_000)
    assert (order.status, order.payment_key) == ("paid", payment_key)
    assert await till.balance() == 10_000
    await till.told(told(order_id))
    till.clock.advance(120)
    await till.sweeping.reconcile()
    assert [await till.balance(), (await till.shop.charged())["charged"]] == [10_000, 10_000]
    assert await till.difference() == 0


async def test_while_toss_can_not_be_asked_another_key_neither_fails_the_order_nor_takes_its_place(till: Till) -> None:
    order_id, payment_key = await lost(till)
    await till.shop.faults(drop_before={"count": 1, "on": "GET .*/orders/.*"})
    with pytest.raises(ProviderError):
        await till.payments.confirm(TENANT, order_id, "never-given-out", 10_000)
    assert await order_of(till) == ("confirming", payment_key)
    till.clock.advance(120)
    await till.sweeping.reconcile()
    assert await till.balance() == 10_000


@pytest.mark.parametrize("by", ["webhook", "confirm"])
async def test_an_order_that_failed_by_a_wrong_key_is_paid_by_the_right_one(till: Till, by: str) -> None:
    order_id, payment_key = await till.ordered()
    with pytest.raises(CreditError, match="payment_refused"):
        await till.payments.confirm(TENANT, order_id, "never-given-out", 10_000)
    assert await order_of(till) == ("failed", "never-given-out")
    if by == "webhook":
        await till.shop.confirm(payment_key, order_id)
        await till.told(told(order_id))
    else:
        await till.payments.confirm(TENANT, order_id, payment_key, 10_000)
    assert await order_of(till) == ("paid", payment_key)
    assert await till.balance() == 10_000


async def test_two_tabs_that_confirm_at_once_pay_once(till: Till) -> None:
    order_id, first = await till.ordered()
    second = await till.shop.authenticate(order_id, 10_000)
    await till.shop.change(approvalMs=50)  # the bank takes its time, so one comes while the other is there
    await asyncio.gather(
        *(till.payments.confirm(TENANT, order_id, key, 10_000) for key in (first, second)), return_exceptions=True
    )
    assert (await order_of(till))[0] == "paid"
    assert [await till.balance(), (await till.shop.charged())["charged"]] == [10_000, 10_000]
    assert await till.difference() == 0


class Meanwhile(Toss):
    """Lets something happen between Toss's refusal and our hearing of it."""

    def __init__(self, url: str, secret_key: str, happens: Callable[[], Awaitable[None]]) -> None:
        super().__init__(url, secret_key)
        self._happens = happens

    async def confirm(self, payment_key: str, order_id: str, amount: Decimal | int) -> Payment:
        try:
            return await super().confirm(payment_key, order_id, amount)
        finally:
            await self._happens()


@pytest.mark.parametrize("fault", ["accept_then_drop", "drop_before"])
async def test_a_refused_card_does_not_fail_an_order_that_another_tab_confirms(
    till: Till, simulator_url: str, fault: str
) -> None:
    order_id, refused = await till.ordered(10_000, outcome="reject")
    good = await till.shop.authenticate(order_id, 10_000)

    async def other_tab() -> None:
        till.clock.advance(1)
        await till.told(told(order_id))  # of the refusal
        await till.shop.faults(**{fault: {"count": 1, "on": "POST .*/confirm$"}})
        with pytest.raises(ProviderError):
            await till.payments.confirm(TENANT, order_id, good, 10_000)

    meanwhile = Meanwhile(simulator_url, till.shop.secret_key, other_tab)
    first_tab = Payments(till.pool, meanwhile, till.clock, PURPOSES)
    if fault == "drop_before":  # nobody knows yet: the order is still looked at
        with pytest.raises(CreditError, match="payment_refused"):
            await first_tab.confirm(TENANT, order_id, refused, 10_000)
        assert (await order_of(till))[0] == "confirming"
        await till.payments.confirm(TENANT, order_id, good, 10_000)
    else:
        await first_tab.confirm(TENANT, order_id, refused, 10_000)
    assert await order_of(till) == ("paid", good)
    assert [await till.balance(), (await till.shop.charged())["charged"]] == [10_000, 10_000]


async def test_a_payment_that_failed_while_its_answer_was_lost_fails_its_order_a_minute_later(till: Till) -> None:
    order_id, payment_key = await till.ordered(10_000, outcome="reject")
    await till.shop.faults(accept_then_drop={"count": 1, "on": "POST .*/confirm$"})
    with pytest.raises(ProviderError):
        await till.payments.confirm(TENANT, order_id, payment_key, 10_000)
    await till.told(told(order_id))
    assert await order_of(till) == ("confirming", payment_key)
    till.clock.advance(61)
    await till.sweeping.reconcile()
    assert await order_of(till) == ("failed", payment_key)


async def test_a_payment_of_another_amount_buys_nothing_and_a_person_is_told(till: Till) -> None:
    order_id, _ = await till.ordered(10_000)
    less = await till.shop.authenticate(order_id, 1_000)
    await till.shop.confirm(less, order_id, 1_000)
    for _ in range(2):
        await till.told(told(order_id))
    assert await till.balance() == 0
    [alert] = till.rows("select kind, detail from alerts where resolved_at = 'infinity'")
    assert alert["kind"] == "payment_disputed"
    assert order_id in alert["detail"]
    assert less in alert["detail"]


async def test_an_order_paid_twice_counts_once_and_a_person_is_told(
    till: Till, caplog: pytest.LogCaptureFixture
) -> None:
    order_id = await till.paid(10_000)
    paid = await till.toss.payment_of_order(order_id)
    with pytest.raises(CreditError, match="other_payment"):
        await till.payments.settle(paid.model_copy(update={"payment_key": "another"}))
    assert await till.balance() == 10_000
    assert till.alerts() == ["payment_disputed"]
    assert "payment disputed" in caplog.text


async def test_a_dispute_over_no_money_is_nobodys_matter(till: Till) -> None:
    order_id, _ = await till.ordered(10_000)
    await till.shop.authenticate(order_id, 1_000)
    await till.told(told(order_id))
    assert till.alerts() == []


async def test_a_disputed_order_is_looked_at_ever_more_seldom(till: Till) -> None:
    order_id, payment_key = await till.ordered(10_000)
    await till.shop.faults(drop_before={"count": 1, "on": "POST .*/confirm$"})
    with pytest.raises(ProviderError):
        await till.payments.confirm(TENANT, order_id, payment_key, 10_000)
    await till.shop.authenticate(order_id, 1_000)
    for wait in (60, 120):
        till.clock.advance(61)
        await till.sweeping.reconcile()
        [row] = till.rows("select status::text, ask_again_at from payment_orders")
        assert (row["status"], row["ask_again_at"]) == ("confirming", till.clock.now() + dt.timedelta(seconds=wait))


@pytest.mark.parametrize("after", [0, 1], ids=["the payment", "the first cancel"])
@pytest.mark.parametrize("by", ["people", "the sweeps"])
async def test_an_answer_that_comes_after_a_later_one_undoes_no_cancel(till: Till, by: str, after: int) -> None:
    order_id = await till.paid()
    answers = [await till.toss.payment_of_order(order_id)]
    for key in ("first", "second"):
        await till.payments.cancel(TENANT, order_id, 5_000, "환불", key=key)
        answers.append(await till.toss.payment_of_order(order_id))
    payments = till.payments if by == "people" else till.sweeping
    order = await payments.settle(answers[after])
    assert (order.status, int(order.cancelled)) == ("cancelled", 10_000)
    assert [await till.balance(), await till.difference()] == [0, 0]


@pytest.mark.parametrize("by", ["people", "the sweeps"])
async def test_an_answer_from_before_a_deposit_takes_back_nothing_and_one_from_before_it_went_back_gives_nothing(
    till: Till, by: str
) -> None:
    order_id, payment_key = await till.ordered(10_000, method="virtual_account")
    await till.payments.confirm(TENANT, order_id, payment_key, 10_000)
    payments = till.payments if by == "people" else till.sweeping
    waiting = await till.toss.payment_of_order(order_id)
    await till.shop.control("deposit", orderId=order_id, reversed=False)
    await till.told(told(order_id))
    till.spend(10_000)
    assert (await payments.settle(waiting)).status == "paid"
    assert till.alerts() == []
    assert await till.balance() == 0
    there = await till.toss.payment_of_order(order_id)
    await till.shop.control("deposit", orderId=order_id, reversed=True)
    await till.told(told(order_id))
    assert till.alerts() == ["cancel_without_credit"]
    assert (await payments.settle(there)).status == "waiting_for_deposit"
    assert await till.balance() == 0

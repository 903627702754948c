"""What Toss tells a merchant's webhook, and how often."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from simulator.testing import running_simulator
from simulator.toss.model import SESSION
from simulator.toss.webhooks import RETRIES
from tests.simulator.toss.shop import PATIENCE, Letterbox, Shop, new_order, open_letterbox

TRANSMISSION = "tosspayments-webhook-transmission-"


@pytest.fixture
async def letterbox() -> AsyncIterator[Letterbox]:
    async with open_letterbox() as letterbox:
        yield letterbox


@pytest.fixture
async def shop(simulator: str, letterbox: Letterbox) -> AsyncIterator[Shop]:
    async with Shop.at(simulator, webhookUrl=letterbox.url, retryMinuteMs=0) as shop:
        yield shop


async def test_a_confirmation_is_told_with_the_whole_payment_and_no_signature(shop: Shop, letterbox: Letterbox) -> None:
    payment = await shop.paid()
    await letterbox.until(lambda box: len(box.events) == 1)
    [event], [headers] = letterbox.events, letterbox.headers
    assert event["eventType"] == "PAYMENT_STATUS_CHANGED"
    assert event["data"] == payment
    assert len(event["createdAt"]) == len("2022-01-01T00:00:00.000000")
    assert headers[f"{TRANSMISSION}id"].startswith("whtrans_")
    assert headers[f"{TRANSMISSION}time"].endswith("+09:00")
    assert headers[f"{TRANSMISSION}retried-count"] == "0"
    assert not any("signature" in name for name in headers)


async def test_a_rejection_and_cancels_are_told(shop: Shop, letterbox: Letterbox) -> None:
    order_id = new_order()
    await shop.confirm(await shop.authenticate(order_id, outcome="reject"), order_id)
    await letterbox.until(lambda box: box.statuses() == ["ABORTED"])
    payment = await shop.paid()
    await letterbox.until(lambda box: box.statuses() == ["ABORTED", "DONE"])
    await shop.cancel(payment["paymentKey"], 1_000)
    await letterbox.until(lambda box: box.statuses() == ["ABORTED", "DONE", "PARTIAL_CANCELED"])
    await shop.control("cancel", orderId=payment["orderId"])
    await letterbox.until(lambda box: len(box.statuses()) == 4)
    assert letterbox.events[-1]["data"]["balanceAmount"] == 0


async def test_a_deposit_is_told_with_the_payments_secret(shop: Shop, letterbox: Letterbox) -> None:
    waiting = await shop.waiting()
    await shop.control("deposit", orderId=waiting["orderId"])
    await letterbox.until(lambda box: len(box.events) == 4)
    deposits = letterbox.of_type(None)
    assert sorted(call["status"] for call in deposits) == ["DONE", "WAITING_FOR_DEPOSIT"]
    assert {call["secret"] for call in deposits} == {waiting["secret"]}
    assert {call["orderId"] for call in deposits} == {waiting["orderId"]}
    assert all(call.keys() == {"createdAt", "secret", "status", "transactionKey", "orderId"} for call in deposits)
    assert sorted(letterbox.statuses()) == ["DONE", "WAITING_FOR_DEPOSIT"]


async def test_a_charge_by_billing_key_is_not_told_but_the_keys_end_is(shop: Shop, letterbox: Letterbox) -> None:
    billing_key = await shop.billing_key("tenant-1")
    await shop.charge(billing_key, "tenant-1", new_order())
    await shop.request("DELETE", f"billing/{billing_key}")
    await letterbox.until(lambda box: len(box.events) == 1)
    [event] = letterbox.events
    assert event["eventType"] == "BILLING_DELETED"
    assert event["data"] == {"billingKey": billing_key, "reason": "삭제 API 요청"}


async def test_the_cancel_of_a_foreign_payment_takes_time_and_is_told_when_done(
    shop: Shop, letterbox: Letterbox
) -> None:
    order_id = new_order()
    key = await shop.authenticate(order_id, method="foreign_easy_pay")
    await shop.confirm(key, order_id)
    asked = (await shop.cancel(key, 4_000)).json()
    assert (asked["cancels"][0]["cancelStatus"], asked["balanceAmount"]) == ("IN_PROGRESS", 10_000)
    await letterbox.until(lambda box: len(box.of_type("CANCEL_STATUS_CHANGED")) == 1)
    [event] = letterbox.of_type("CANCEL_STATUS_CHANGED")
    assert event["data"]["transactionKey"] == asked["cancels"][0]["transactionKey"]
    assert (event["data"]["cancelStatus"], event["data"]["refundableAmount"]) == ("DONE", 6_000)


async def test_an_event_comes_again_under_the_same_id_until_it_is_taken(shop: Shop, letterbox: Letterbox) -> None:
    letterbox.answers += [500, 404, 302]
    await shop.paid()
    await letterbox.until(lambda box: len(box.events) == 4)
    assert [headers[f"{TRANSMISSION}retried-count"] for headers in letterbox.headers] == ["0", "1", "2", "3"]
    assert len({headers[f"{TRANSMISSION}id"] for headers in letterbox.headers}) == 1


async def test_after_seven_retries_an_event_is_given_up(shop: Shop, letterbox: Letterbox) -> None:
    async def webhooks() -> dict[str, Any]:
        return (await shop.http.get("/control/toss")).json()["webhooks"]  # type: ignore[no-any-return]

    given_up = (await webhooks())["given_up"]
    letterbox.answers += [500] * 20
    await shop.paid()
    await letterbox.until(lambda box: len(box.events) == 1 + RETRIES)
    async with asyncio.timeout(PATIENCE):
        while (await webhooks())["given_up"] == given_up:
            pass
    assert len(letterbox.events) == 1 + RETRIES


async def test_events_may_come_twice_or_never(shop: Shop, letterbox: Letterbox) -> None:
    await shop.faults(report_delay_ms=0, report_drop_rate=1)
    await shop.paid()
    await shop.faults(report_delay_ms=0, report_repeat_rate=1)
    payment = await shop.paid()
    await letterbox.until(lambda box: len(box.events) == 2)
    assert [event["data"]["paymentKey"] for event in letterbox.events] == [payment["paymentKey"]] * 2
    assert len({headers[f"{TRANSMISSION}id"] for headers in letterbox.headers}) == 1


async def test_a_late_event_tells_what_was_true_when_it_happened(shop: Shop, letterbox: Letterbox) -> None:
    await shop.faults(report_delay_ms=0, report_late_rate=1, report_late_ms=200)
    payment = await shop.paid()
    await shop.faults(report_delay_ms=0)
    await shop.cancel(payment["paymentKey"])
    await letterbox.until(lambda box: box.statuses() == ["CANCELED", "DONE"])


async def test_an_expired_payment_is_told() -> None:
    now = 1_800_000_000.0
    async with (
        running_simulator(clock=lambda: now) as url,
        open_letterbox() as letterbox,
        Shop.at(url, webhookUrl=letterbox.url) as shop,
    ):
        key = await shop.authenticate(new_order())
        now += SESSION + 1
        await shop.request("GET", f"payments/{key}")
        await letterbox.until(lambda box: box.statuses() == ["EXPIRED"])

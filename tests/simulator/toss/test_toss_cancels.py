"""Toss's cancels, idempotency keys and billing keys."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from simulator.testing import running_simulator
from simulator.toss.idempotency import KEPT_FOR
from tests.simulator.toss.shop import Shop, code, new_order


@pytest.fixture
async def shop(simulator: str) -> AsyncIterator[Shop]:
    async with Shop.at(simulator) as shop:
        yield shop


async def test_a_cancel_without_an_amount_gives_everything_back(shop: Shop) -> None:
    payment = await shop.paid()
    cancelled = (await shop.cancel(payment["paymentKey"])).json()
    assert (cancelled["status"], cancelled["balanceAmount"]) == ("CANCELED", 0)
    [cancel] = cancelled["cancels"]
    assert (cancel["cancelAmount"], cancel["refundableAmount"], cancel["cancelStatus"]) == (10_000, 0, "DONE")
    assert cancelled["lastTransactionKey"] == cancel["transactionKey"]
    assert (await shop.charged())["cancelled"] == 10_000


async def test_partial_cancels_add_up_and_each_has_a_key(shop: Shop) -> None:
    payment = await shop.paid()
    first = (await shop.cancel(payment["paymentKey"], 3_000)).json()
    second = (await shop.cancel(payment["paymentKey"], 2_000)).json()
    assert (first["status"], first["balanceAmount"]) == ("PARTIAL_CANCELED", 7_000)
    assert (second["status"], second["balanceAmount"]) == ("PARTIAL_CANCELED", 5_000)
    assert [cancel["cancelAmount"] for cancel in second["cancels"]] == [3_000, 2_000]
    assert len({cancel["transactionKey"] for cancel in second["cancels"]}) == 2


async def test_more_than_is_left_cannot_be_cancelled(shop: Shop) -> None:
    payment = await shop.paid()
    await shop.cancel(payment["paymentKey"], 3_000)
    assert code(await shop.cancel(payment["paymentKey"], 7_001)) == (403, "NOT_CANCELABLE_AMOUNT")
    last = (await shop.cancel(payment["paymentKey"], 7_000)).json()
    assert (last["status"], last["balanceAmount"]) == ("PARTIAL_CANCELED", 0)
    assert code(await shop.cancel(payment["paymentKey"])) == (400, "ALREADY_CANCELED_PAYMENT")


async def test_cancels_at_once_never_give_back_more_than_was_paid(shop: Shop) -> None:
    await shop.change(approvalMs=20)
    payment = await shop.paid()
    answers = await asyncio.gather(*(shop.cancel(payment["paymentKey"], 4_000) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 403, 403, 403]
    assert (await shop.charged())["cancelled"] == 8_000


async def test_a_payment_that_was_never_confirmed_cannot_be_cancelled(shop: Shop) -> None:
    key = await shop.authenticate(new_order())
    assert code(await shop.cancel(key)) == (403, "NOT_CANCELABLE_PAYMENT")
    assert code(await shop.cancel("nobody")) == (404, "NOT_FOUND_PAYMENT")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"cancelReason": ""},
        {"cancelReason": "가" * 201},
        {"cancelReason": "고객 요청", "cancelAmount": 0},
        {"cancelReason": "고객 요청", "cancelAmount": 0.5},
        {"cancelReason": "고객 요청", "cancelAmount": "all"},
    ],
)
async def test_a_cancel_that_does_not_fit_is_refused(shop: Shop, body: dict[str, Any]) -> None:
    payment = await shop.paid()
    answer = await shop.request("POST", f"payments/{payment['paymentKey']}/cancel", body)
    assert code(answer) == (400, "INVALID_REQUEST")
    assert (await shop.charged())["cancelled"] == 0


async def test_before_the_deposit_a_virtual_account_is_cancelled_whole(shop: Shop) -> None:
    waiting = await shop.waiting()
    partly = await shop.cancel(waiting["paymentKey"], 1_000)
    assert code(partly) == (403, "NOT_ALLOWED_PARTIAL_REFUND_WAITING_DEPOSIT")
    assert (await shop.cancel(waiting["paymentKey"])).json()["status"] == "CANCELED"


async def test_the_refund_of_a_deposit_needs_an_account(shop: Shop) -> None:
    waiting = await shop.waiting()
    await shop.control("deposit", orderId=waiting["orderId"])
    assert code(await shop.cancel(waiting["paymentKey"])) == (400, "INVALID_REFUND_ACCOUNT_INFO")
    account = {"bank": "20", "accountNumber": "1000123456789", "holderName": "김고객"}
    body = {"cancelReason": "고객 요청", "cancelAmount": 1_000, "refundReceiveAccount": account}
    answer = await shop.request("POST", f"payments/{waiting['paymentKey']}/cancel", body)
    assert answer.json()["balanceAmount"] == 9_000


async def test_a_cancel_in_the_dashboard_is_one_like_any_other(shop: Shop) -> None:
    payment = await shop.paid()
    await shop.control("cancel", orderId=payment["orderId"], amount=4_000)
    shown = (await shop.request("GET", f"payments/{payment['paymentKey']}")).json()
    assert (shown["balanceAmount"], shown["cancels"][0]["cancelReason"]) == (6_000, "관리자 취소")


async def test_the_same_idempotency_key_brings_the_first_answer_whatever_the_body(shop: Shop) -> None:
    payment = await shop.paid()
    first = await shop.cancel(payment["paymentKey"], 1_000, Idempotency_Key="one")
    again = await shop.cancel(payment["paymentKey"], 2_000, Idempotency_Key="one")
    assert again.json() == first.json()
    assert (await shop.charged())["cancelled"] == 1_000


async def test_another_key_or_path_or_merchant_is_another_request(shop: Shop, simulator: str) -> None:
    one, two = await shop.paid(), await shop.paid()
    for payment, key in ((one, "a"), (one, "b"), (two, "a")):
        assert (await shop.cancel(payment["paymentKey"], 1_000, Idempotency_Key=key)).status_code == 200
    async with Shop.at(simulator) as other:
        answer = await other.cancel(one["paymentKey"], 1_000, Idempotency_Key="a")
        assert code(answer) == (404, "NOT_FOUND_PAYMENT")
    assert (await shop.charged())["cancelled"] == 3_000


async def test_a_refusal_is_repeated_too(shop: Shop) -> None:
    order_id = new_order()
    key = await shop.authenticate(order_id)
    assert code(await shop.confirm(key, order_id, 1, Idempotency_Key=key)) == (400, "INVALID_REQUEST")
    assert code(await shop.confirm(key, order_id, Idempotency_Key=key)) == (400, "INVALID_REQUEST")
    assert (await shop.confirm(key, order_id, Idempotency_Key="new")).status_code == 200


async def test_while_the_first_request_is_under_way_the_same_key_is_refused(shop: Shop) -> None:
    await shop.change(approvalMs=50)
    order_id = new_order()
    key = await shop.authenticate(order_id)
    answers = await asyncio.gather(*(shop.confirm(key, order_id, Idempotency_Key=key) for _ in range(3)))
    first, *others = sorted(answers, key=lambda answer: answer.status_code)
    assert first.status_code == 200
    assert {code(answer) for answer in others} == {(409, "IDEMPOTENT_REQUEST_PROCESSING")}
    assert (await shop.confirm(key, order_id, Idempotency_Key=key)).json() == first.json()


async def test_a_key_is_long_at_most_300_characters_and_ignored_on_get(shop: Shop) -> None:
    payment = await shop.paid()
    answer = await shop.cancel(payment["paymentKey"], 1, Idempotency_Key="k" * 301)
    assert code(answer) == (400, "INVALID_IDEMPOTENCY_KEY")
    assert (await shop.cancel(payment["paymentKey"], 1, Idempotency_Key="k" * 300)).status_code == 200
    path = f"payments/{payment['paymentKey']}"
    before = (await shop.request("GET", path, Idempotency_Key="get")).json()
    await shop.cancel(payment["paymentKey"], 1)
    assert (await shop.request("GET", path, Idempotency_Key="get")).json() != before


async def test_a_key_is_forgotten_after_fifteen_days() -> None:
    now = 1_800_000_000.0
    async with running_simulator(clock=lambda: now) as url, Shop.at(url) as shop:
        payment = await shop.paid()
        for later, cancelled in ((0, 1_000), (KEPT_FOR, 1_000), (1, 2_000)):
            now += later
            await shop.cancel(payment["paymentKey"], 1_000, Idempotency_Key="one")
            assert (await shop.charged())["cancelled"] == cancelled


async def test_an_accepted_then_dropped_confirmation_is_answered_by_its_key(shop: Shop) -> None:
    order_id = new_order()
    key = await shop.authenticate(order_id)
    await shop.faults(accept_then_drop={"count": 1, "on": "POST /v1/payments/confirm"})
    with pytest.raises((httpx.RemoteProtocolError, httpx.NetworkError)):
        await shop.confirm(key, order_id, Idempotency_Key=key)
    assert (await shop.confirm(key, order_id, Idempotency_Key=key)).json()["status"] == "DONE"
    assert (await shop.charged())["count"] == 1


async def test_a_registered_card_is_charged_without_the_customer(shop: Shop) -> None:
    billing_key, order_id = await shop.billing_key("tenant-1"), new_order()
    payment = (await shop.charge(billing_key, "tenant-1", order_id)).json()
    assert (payment["status"], payment["type"], payment["method"]) == ("DONE", "BILLING", "카드")
    assert code(await shop.charge(billing_key, "tenant-1", order_id)) == (400, "DUPLICATED_ORDER_ID")
    assert (await shop.charged())["count"] == 1


async def test_an_auth_key_works_once_and_for_its_customer(shop: Shop) -> None:
    auth_key = (await shop.control("card", customerKey="tenant-1"))["authKey"]
    wrong = await shop.request("POST", "billing/authorizations/issue", {"authKey": auth_key, "customerKey": "tenant-2"})
    assert code(wrong) == (400, "NOT_MATCHES_CUSTOMER_KEY")
    body = {"authKey": auth_key, "customerKey": "tenant-1"}
    issued = (await shop.request("POST", "billing/authorizations/issue", body)).json()
    assert issued["customerKey"] == "tenant-1"
    assert "*" in issued["card"]["number"]
    again = await shop.request("POST", "billing/authorizations/issue", body)
    assert code(again) == (400, "INVALID_BILLING_AUTH")


async def test_a_charge_that_does_not_fit_takes_no_money(shop: Shop) -> None:
    billing_key = await shop.billing_key("tenant-1")
    assert code(await shop.charge(billing_key, "tenant-2", new_order())) == (400, "NOT_MATCHES_CUSTOMER_KEY")
    assert code(await shop.charge("nobody", "tenant-1", new_order())) == (400, "INVALID_BILL_KEY_REQUEST")
    assert code(await shop.charge(billing_key, "tenant-1", new_order(), 99)) == (400, "BELOW_MINIMUM_AMOUNT")
    assert code(await shop.charge(billing_key, "tenant-1", "short")) == (400, "INVALID_REQUEST")
    assert (await shop.charged())["count"] == 0


async def test_a_card_may_be_rejected_later_and_work_again(shop: Shop) -> None:
    billing_key, order_id = await shop.billing_key("tenant-1"), new_order()
    await shop.control("card", customerKey="tenant-1", outcome="reject")
    assert code(await shop.charge(billing_key, "tenant-1", order_id)) == (403, "REJECT_CARD_PAYMENT")
    shown = (await shop.request("GET", f"payments/orders/{order_id}")).json()
    assert shown["status"] == "ABORTED"
    await shop.control("card", customerKey="tenant-1", outcome="ok")
    assert (await shop.charge(billing_key, "tenant-1", order_id)).status_code == 200
    assert (await shop.charged())["count"] == 1


async def test_charges_of_one_order_at_once_take_the_money_once(shop: Shop) -> None:
    await shop.change(approvalMs=20)
    billing_key, order_id = await shop.billing_key("tenant-1"), new_order()
    answers = await asyncio.gather(*(shop.charge(billing_key, "tenant-1", order_id) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400]
    assert (await shop.charged())["charged"] == 10_000


async def test_a_deleted_billing_key_charges_nothing(shop: Shop) -> None:
    billing_key = await shop.billing_key("tenant-1")
    assert (await shop.request("DELETE", f"billing/{billing_key}")).status_code == 200
    assert code(await shop.charge(billing_key, "tenant-1", new_order())) == (400, "ALREADY_REMOVED_BILLING_KEY")

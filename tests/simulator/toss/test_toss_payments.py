"""Toss's payments: authenticated, confirmed, looked up and paid into."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from simulator.testing import running_simulator
from simulator.toss.model import SESSION
from tests.simulator.toss.shop import Shop, code, new_order
from tests.tls import NO_TLS


@pytest.fixture
async def shop(simulator: str) -> AsyncIterator[Shop]:
    async with Shop.at(simulator) as shop:
        yield shop


async def test_a_confirmed_card_payment_is_done_and_shows_the_documented_fields(shop: Shop) -> None:
    order_id = new_order()
    key = await shop.authenticate(order_id, 15_000, orderName="크레딧 15,000원")
    payment = (await shop.confirm(key, order_id, 15_000)).json()
    assert payment["status"] == "DONE"
    assert payment["approvedAt"].endswith("+09:00")
    assert (payment["paymentKey"], payment["orderId"], payment["orderName"]) == (key, order_id, "크레딧 15,000원")
    assert (payment["totalAmount"], payment["balanceAmount"]) == (15_000, 15_000)
    assert (payment["suppliedAmount"], payment["vat"]) == (13_636, 1_364)
    assert (payment["method"], payment["type"], payment["currency"]) == ("카드", "NORMAL", "KRW")
    assert payment["card"]["amount"] == 15_000
    assert payment["receipt"]["url"]
    assert payment["virtualAccount"] is payment["cancels"] is payment["secret"] is payment["failure"] is None
    assert payment["version"] == "2022-11-16"


async def test_a_payment_is_found_by_its_key_and_by_its_order(shop: Shop) -> None:
    payment = await shop.paid()
    assert (await shop.request("GET", f"payments/{payment['paymentKey']}")).json() == payment
    assert (await shop.request("GET", f"payments/orders/{payment['orderId']}")).json() == payment


async def test_an_authenticated_payment_is_in_progress_and_took_no_money(shop: Shop) -> None:
    key = await shop.authenticate(new_order())
    shown = (await shop.request("GET", f"payments/{key}")).json()
    assert (shown["status"], shown["approvedAt"]) == ("IN_PROGRESS", None)
    assert (await shop.charged())["count"] == 0


@pytest.mark.parametrize("path", ["payments/nobody", "payments/orders/nobody"])
async def test_what_is_not_there_is_not_found(shop: Shop, path: str) -> None:
    assert code(await shop.request("GET", path)) == (404, "NOT_FOUND_PAYMENT")


async def test_another_merchants_payment_is_not_found(shop: Shop, simulator: str) -> None:
    payment = await shop.paid()
    async with Shop.at(simulator) as other:
        answer = await other.request("GET", f"payments/{payment['paymentKey']}")
        assert code(answer) == (404, "NOT_FOUND_PAYMENT")


async def test_a_payment_is_confirmed_once(shop: Shop) -> None:
    payment = await shop.paid()
    again = await shop.confirm(payment["paymentKey"], payment["orderId"])
    assert code(again) == (400, "ALREADY_PROCESSED_PAYMENT")
    assert (await shop.charged())["charged"] == 10_000


async def test_of_two_confirmations_at_once_one_takes_the_money(shop: Shop) -> None:
    await shop.change(approvalMs=50)
    order_id = new_order()
    key = await shop.authenticate(order_id)
    answers = await asyncio.gather(*(shop.confirm(key, order_id) for _ in range(2)))
    refused, taken = sorted(answers, key=lambda answer: -answer.status_code)
    assert taken.status_code == 200
    assert code(refused) == (500, "FAILED_PAYMENT_INTERNAL_SYSTEM_PROCESSING")
    assert refused.json()["message"] == "[S008] 기존 요청을 처리중입니다."
    assert (await shop.charged())["count"] == 1


async def test_an_order_is_paid_by_one_payment_only(shop: Shop) -> None:
    payment = await shop.paid()
    second_tab = await shop.authenticate(payment["orderId"])
    assert code(await shop.confirm(second_tab, payment["orderId"])) == (400, "DUPLICATED_ORDER_ID")
    found = (await shop.request("GET", f"payments/orders/{payment['orderId']}")).json()
    assert found["paymentKey"] == payment["paymentKey"]
    assert (await shop.charged())["doubles"] == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"amount": 9_999}, (400, "INVALID_REQUEST")),
        ({"amount": 10_000.5}, (400, "INVALID_REQUEST")),
        ({"amount": "10000"}, (400, "INVALID_REQUEST")),
        ({"amount": -10_000}, (400, "INVALID_REQUEST")),
        ({"amount": True}, (400, "INVALID_REQUEST")),
        ({"amount": None}, (400, "INVALID_REQUEST")),
        ({"orderId": "another-order"}, (403, "FORBIDDEN_REQUEST")),
        ({"orderId": "short"}, (400, "INVALID_REQUEST")),
        ({"orderId": "order with spaces"}, (400, "INVALID_REQUEST")),
        ({"paymentKey": "nobody"}, (404, "NOT_FOUND_PAYMENT")),
        ({"paymentKey": ""}, (400, "INVALID_REQUEST")),
    ],
)
async def test_a_confirmation_that_does_not_fit_takes_no_money(
    shop: Shop, change: dict[str, Any], expected: tuple[int, str]
) -> None:
    order_id = new_order()
    key = await shop.authenticate(order_id)
    body = {"paymentKey": key, "orderId": order_id, "amount": 10_000} | change
    assert code(await shop.request("POST", "payments/confirm", body)) == expected
    assert (await shop.charged())["count"] == 0
    assert (await shop.confirm(key, order_id)).status_code == 200


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"text"'])
async def test_a_body_that_is_no_object_is_refused(shop: Shop, content: bytes) -> None:
    answer = await shop.http.post("/v1/payments/confirm", auth=(shop.secret_key, ""), content=content)
    assert code(answer) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize(("method", "amount"), [("card", 99), ("virtual_account", 199)])
async def test_too_little_is_refused(shop: Shop, method: str, amount: int) -> None:
    order_id = new_order()
    key = await shop.authenticate(order_id, amount, method=method)
    assert code(await shop.confirm(key, order_id, amount)) == (400, "BELOW_MINIMUM_AMOUNT")


async def test_a_rejected_card_aborts_the_payment_and_leaves_the_order_to_another(shop: Shop) -> None:
    order_id = new_order()
    key = await shop.authenticate(order_id, outcome="reject")
    assert code(await shop.confirm(key, order_id)) == (403, "REJECT_CARD_PAYMENT")
    shown = (await shop.request("GET", f"payments/{key}")).json()
    assert (shown["status"], shown["failure"]["code"]) == ("ABORTED", "REJECT_CARD_PAYMENT")
    assert (await shop.charged())["count"] == 0
    another = await shop.authenticate(order_id)
    assert (await shop.confirm(another, order_id)).status_code == 200


async def test_ten_minutes_after_authentication_the_session_is_gone() -> None:
    now = 1_800_000_000.0
    async with running_simulator(clock=lambda: now) as url, Shop.at(url) as shop:
        order_id, late_id = new_order(), new_order()
        key, late = await shop.authenticate(order_id), await shop.authenticate(late_id)
        now += SESSION
        assert (await shop.confirm(key, order_id)).status_code == 200
        now += 1
        assert code(await shop.confirm(late, late_id)) == (404, "NOT_FOUND_PAYMENT_SESSION")
        shown = (await shop.request("GET", f"payments/{late}")).json()
        assert (shown["status"], shown["failure"]["code"]) == ("EXPIRED", "EXPIRED_PAYMENT")


async def test_a_virtual_account_waits_for_its_deposit(shop: Shop) -> None:
    waiting = await shop.waiting(20_000)
    assert (waiting["status"], waiting["approvedAt"], waiting["method"]) == ("WAITING_FOR_DEPOSIT", None, "가상계좌")
    assert waiting["secret"]
    assert waiting["virtualAccount"]["accountNumber"]
    assert not waiting["virtualAccount"]["expired"]
    assert (await shop.charged())["count"] == 0
    await shop.control("deposit", orderId=waiting["orderId"])
    paid = (await shop.request("GET", f"payments/{waiting['paymentKey']}")).json()
    assert (paid["status"], paid["secret"]) == ("DONE", waiting["secret"])
    assert paid["approvedAt"]
    assert (await shop.charged())["charged"] == 20_000


async def test_a_deposit_happens_once(shop: Shop) -> None:
    waiting = await shop.waiting()
    order = {"secretKey": shop.secret_key, "orderId": waiting["orderId"]}
    await shop.control("deposit", orderId=waiting["orderId"])
    assert (await shop.http.post("/control/toss/deposit", json=order)).status_code == 409


async def test_a_bank_may_take_a_deposit_back(shop: Shop) -> None:
    waiting = await shop.waiting()
    await shop.control("deposit", orderId=waiting["orderId"])
    await shop.control("deposit", orderId=waiting["orderId"], reversed=True)
    shown = (await shop.request("GET", f"payments/{waiting['paymentKey']}")).json()
    assert (shown["status"], shown["approvedAt"]) == ("WAITING_FOR_DEPOSIT", None)
    assert (await shop.charged())["count"] == 0


def _basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, (401, "UNAUTHORIZED_KEY")),
        (_basic("test_sk_nobody:"), (401, "UNAUTHORIZED_KEY")),
        (_basic("test_sk_nobody"), (403, "INCORRECT_BASIC_AUTH_FORMAT")),
        (_basic("test_sk_nobody:password"), (403, "INCORRECT_BASIC_AUTH_FORMAT")),
        ("Basic 한글", (403, "INCORRECT_BASIC_AUTH_FORMAT")),
        ("Bearer dGVzdDo=", (403, "INCORRECT_BASIC_AUTH_FORMAT")),
    ],
)
async def test_a_caller_must_show_its_secret_key(simulator: str, header: str | None, expected: tuple[int, str]) -> None:
    headers = {} if header is None else {"Authorization": header.encode()}
    async with httpx.AsyncClient(base_url=simulator, verify=NO_TLS) as http:
        assert code(await http.get("/v1/payments/nobody", headers=headers)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("REJECT_CARD_PAYMENT", (403, "REJECT_CARD_PAYMENT")),
        ("FAILED_DB_PROCESSING", (500, "FAILED_DB_PROCESSING")),
        ("PROVIDER_ERROR", (400, "PROVIDER_ERROR")),
        ("NO_SUCH_CODE", (400, "INVALID_REQUEST")),
    ],
)
async def test_the_test_header_forces_an_error_before_anything_is_looked_at(
    shop: Shop, asked: str, expected: tuple[int, str]
) -> None:
    answer = await shop.confirm("nobody", new_order(), TossPayments_Test_Code=asked)
    assert code(answer) == expected


async def test_the_test_header_means_nothing_to_a_live_key(simulator: str) -> None:
    async with httpx.AsyncClient(base_url=simulator, verify=NO_TLS) as http:
        live = Shop(http, f"live_sk_{new_order()}")
        await live.change()
        answer = await live.confirm("nobody", new_order(), TossPayments_Test_Code="PROVIDER_ERROR")
        assert code(answer) == (404, "NOT_FOUND_PAYMENT")


async def test_faults_speak_tosss_language(shop: Shop) -> None:
    await shop.faults(error_rate=1)
    failed = await shop.request("GET", "payments/nobody")
    await shop.faults(outage=True)
    down = await shop.request("GET", "payments/nobody")
    await shop.faults()
    assert code(failed) == (500, "FAILED_INTERNAL_SYSTEM_PROCESSING")
    assert code(down) == (503, "COMMON_ERROR")


@pytest.mark.parametrize(
    ("path", "order", "status"),
    [
        ("authenticate", {"orderId": "short", "amount": 1000}, 422),
        ("authenticate", {"orderId": "long-enough", "amount": 10.5}, 422),
        ("authenticate", {"orderId": "long-enough", "amount": 0}, 422),
        ("authenticate", {"orderId": "long-enough", "amount": 1000, "method": "cash"}, 422),
        ("authenticate", {"orderId": "long-enough", "amount": 1000, "secretKey": "nobody"}, 404),
        ("deposit", {"orderId": "long-enough"}, 409),
        ("card", {"customerKey": ""}, 422),
        ("cancel", {"orderId": "long-enough"}, 409),
    ],
)
async def test_an_order_to_the_control_api_that_does_not_fit_is_refused(
    shop: Shop, path: str, order: dict[str, Any], status: int
) -> None:
    answer = await shop.http.post(f"/control/toss/{path}", json={"secretKey": shop.secret_key, **order})
    assert answer.status_code == status
    assert answer.json()["error"]

"""Our client of Toss against Toss as it answers on the wire."""

import asyncio
import logging
from collections.abc import AsyncIterator
from decimal import Decimal

import httpx
import orjson
import pytest

from shared.platform.settings import Settings
from shared.providers import ProviderError, ProviderRefused, ProviderUnavailable, ProviderUndecided, toss_payments
from shared.providers.toss import PaymentStatus, RefundAccount, Toss
from simulator.testing import running_simulator
from tests.simulator.toss.shop import Shop, new_order
from tests.tls import NO_TLS

WON = Decimal(10_000)
CONFIRM = "POST /v1/payments/confirm"
ACCOUNT = RefundAccount(bank="20", account_number="1000123456789", holder_name="김고객")


@pytest.fixture(scope="module")
async def url() -> AsyncIterator[str]:
    async with running_simulator() as url:
        yield url


@pytest.fixture
async def shop(url: str) -> AsyncIterator[Shop]:
    async with Shop.at(url) as shop:
        yield shop


@pytest.fixture
def toss(url: str, shop: Shop) -> Toss:
    return Toss(url, shop.secret_key, shop.http)


async def failure_of(error: type[ProviderError], call: object) -> str:
    """The code with which a call fails, which must fail with this very kind of error."""
    with pytest.raises(ProviderError) as raised:
        await call  # type: ignore[misc]
    assert type(raised.value) is error
    return raised.value.code


async def test_a_card_payment_is_confirmed_and_found(toss: Toss, shop: Shop) -> None:
    order_id = new_order()
    key = await shop.authenticate(order_id)
    payment = await toss.confirm(key, order_id, WON)
    assert (payment.status, payment.total_amount, payment.balance_amount) == (PaymentStatus.DONE, WON, WON)
    assert (payment.payment_key, payment.order_id, payment.method) == (key, order_id, "카드")
    assert payment.approved_at is not None
    assert payment.approved_at.tzinfo is not None
    assert await toss.payment(key) == payment
    assert await toss.payment_of_order(order_id) == payment


async def test_a_lost_answer_to_a_confirmation_is_undecided_and_a_look_up_decides_it(toss: Toss, shop: Shop) -> None:
    order_id = new_order()
    key = await shop.authenticate(order_id)
    await shop.faults(accept_then_drop={"count": 1, "on": CONFIRM})
    assert await failure_of(ProviderUndecided, toss.confirm(key, order_id, WON)) == "no_answer"
    assert (await toss.payment_of_order(order_id)).status is PaymentStatus.DONE
    assert (await shop.charged())["count"] == 1


async def test_a_confirmation_sent_again_after_a_lost_answer_brings_the_first_answer(toss: Toss, shop: Shop) -> None:
    order_id = new_order()
    key = await shop.authenticate(order_id)
    await shop.faults(accept_then_drop={"count": 1, "on": CONFIRM})
    await failure_of(ProviderUndecided, toss.confirm(key, order_id, WON))
    assert (await toss.confirm(key, order_id, WON)).status is PaymentStatus.DONE
    assert (await shop.charged())["count"] == 1


async def test_a_confirmation_that_never_arrived_took_no_money(toss: Toss, shop: Shop) -> None:
    order_id = new_order()
    key = await shop.authenticate(order_id)
    await shop.faults(drop_before={"count": 1, "on": CONFIRM})
    await failure_of(ProviderUndecided, toss.confirm(key, order_id, WON))
    assert (await toss.payment_of_order(order_id)).status is PaymentStatus.IN_PROGRESS
    assert (await toss.confirm(key, order_id, WON)).status is PaymentStatus.DONE


async def test_of_confirmations_at_once_one_takes_the_money_and_the_others_are_undecided(
    toss: Toss, shop: Shop
) -> None:
    await shop.change(approvalMs=1_000)  # longer than a busy machine takes to send the other two
    order_id = new_order()
    key = await shop.authenticate(order_id)
    results = await asyncio.gather(*(toss.confirm(key, order_id, WON) for _ in range(3)), return_exceptions=True)
    errors = [result for result in results if isinstance(result, BaseException)]
    assert len(errors) == 2
    assert {(type(e), e.code) for e in errors if isinstance(e, ProviderError)} == {
        (ProviderUndecided, "IDEMPOTENT_REQUEST_PROCESSING")
    }
    assert (await shop.charged())["charged"] == 10_000


async def test_a_payment_confirmed_by_somebody_else_is_refused_as_processed(toss: Toss, shop: Shop) -> None:
    payment = await shop.paid()
    again = toss.confirm(payment["paymentKey"], payment["orderId"], WON)
    assert await failure_of(ProviderRefused, again) == "ALREADY_PROCESSED_PAYMENT"


async def test_an_order_that_another_payment_paid_is_undecided(toss: Toss, shop: Shop) -> None:
    order_id = (await shop.paid())["orderId"]
    key = await shop.authenticate(order_id)
    assert await failure_of(ProviderUndecided, toss.confirm(key, order_id, WON)) == "DUPLICATED_ORDER_ID"
    assert (await toss.payment_of_order(order_id)).payment_key != key


async def test_refusals_carry_tosss_code_and_sentence(toss: Toss, shop: Shop) -> None:
    order_id = new_order()
    key = await shop.authenticate(order_id, outcome="reject")
    with pytest.raises(ProviderRefused) as raised:
        await toss.confirm(key, order_id, WON)
    assert (raised.value.code, raised.value.detail) == (
        "REJECT_CARD_PAYMENT",
        "한도초과 혹은 잔액부족으로 결제에 실패했습니다.",
    )
    aborted = await toss.payment(key)
    assert aborted.status is PaymentStatus.ABORTED
    assert aborted.failure is not None
    assert aborted.failure.code == "REJECT_CARD_PAYMENT"
    assert await failure_of(ProviderRefused, toss.payment("nobody")) == "NOT_FOUND_PAYMENT"
    assert await failure_of(ProviderRefused, toss.payment_of_order("nobody")) == "NOT_FOUND_PAYMENT"


async def test_a_virtual_account_is_waited_for_paid_into_and_refunded(toss: Toss, shop: Shop) -> None:
    order_id = new_order()
    waiting = await toss.confirm(await shop.authenticate(order_id, method="virtual_account"), order_id, WON)
    assert (waiting.status, waiting.approved_at) == (PaymentStatus.WAITING_FOR_DEPOSIT, None)
    assert waiting.virtual_account is not None
    assert waiting.virtual_account.account_number
    assert waiting.secret
    await shop.control("deposit", orderId=order_id)
    paid = await toss.payment_of_order(order_id)
    assert (paid.status, paid.secret) == (PaymentStatus.DONE, waiting.secret)
    cancelled = await toss.cancel(
        paid.payment_key, amount=None, reason="고객 요청", idempotency_key="all", refund_account=ACCOUNT
    )
    assert (cancelled.status, cancelled.balance_amount) == (PaymentStatus.CANCELED, Decimal(0))


async def test_cancels_in_part_and_of_the_rest(toss: Toss, shop: Shop) -> None:
    key = (await shop.paid())["paymentKey"]
    part = await toss.cancel(key, amount=Decimal(3_000), reason="고객 요청", idempotency_key="part")
    rest = await toss.cancel(key, amount=None, reason="고객 요청", idempotency_key="rest")
    assert (part.status, part.balance_amount) == (PaymentStatus.PARTIAL_CANCELED, Decimal(7_000))
    assert [cancel.cancel_amount for cancel in rest.cancels] == [3_000, 7_000]
    assert rest.balance_amount == 0
    assert rest.cancels[0].transaction_key == part.cancels[0].transaction_key


async def test_a_cancel_whose_answer_was_lost_is_sent_again_and_happens_once(toss: Toss, shop: Shop) -> None:
    key = (await shop.paid())["paymentKey"]
    await shop.faults(accept_then_drop={"count": 1, "on": "POST .*/cancel"})
    for _ in range(2):
        try:
            cancelled = await toss.cancel(key, amount=4_000, reason="고객 요청", idempotency_key="one")
        except ProviderUndecided:
            continue
    assert [cancel.cancel_amount for cancel in cancelled.cancels] == [4_000]
    assert (await shop.charged())["cancelled"] == 4_000


async def test_a_cancel_of_too_much_is_refused_and_of_what_is_gone_undecided(toss: Toss, shop: Shop) -> None:
    key = (await shop.paid())["paymentKey"]
    too_much = toss.cancel(key, amount=10_001, reason="고객 요청", idempotency_key="1")
    assert await failure_of(ProviderRefused, too_much) == "NOT_CANCELABLE_AMOUNT"
    await toss.cancel(key, amount=None, reason="고객 요청", idempotency_key="2")
    again = toss.cancel(key, amount=None, reason="고객 요청", idempotency_key="3")
    assert await failure_of(ProviderUndecided, again) == "ALREADY_CANCELED_PAYMENT"


async def test_a_registered_card_is_charged_once_an_order(toss: Toss, shop: Shop) -> None:
    auth_key = (await shop.control("card", customerKey="tenant-1"))["authKey"]
    issued = await toss.issue_billing_key(auth_key, "tenant-1")
    assert issued.card is not None
    assert "*" in issued.card.number
    order_id = new_order()

    async def charge(idempotency_key: str) -> PaymentStatus:
        payment = await toss.charge(
            issued.billing_key,
            customer_key="tenant-1",
            order_id=order_id,
            order_name="자동 충전",
            amount=WON,
            idempotency_key=idempotency_key,
        )
        return payment.status

    await shop.faults(accept_then_drop={"count": 1, "on": "POST /v1/billing/"})
    assert await failure_of(ProviderUndecided, charge(order_id)) == "no_answer"
    assert await charge(order_id) is PaymentStatus.DONE
    assert await failure_of(ProviderUndecided, charge("another")) == "DUPLICATED_ORDER_ID"
    assert (await shop.charged())["count"] == 1


async def test_a_billing_key_whose_answer_was_lost_is_issued_again(toss: Toss, shop: Shop) -> None:
    auth_key = (await shop.control("card", customerKey="tenant-1"))["authKey"]
    await shop.faults(accept_then_drop={"count": 1, "on": "POST /v1/billing/authorizations/issue"})
    assert await failure_of(ProviderUndecided, toss.issue_billing_key(auth_key, "tenant-1")) == "no_answer"
    assert (await toss.issue_billing_key(auth_key, "tenant-1")).customer_key == "tenant-1"


async def test_a_failing_toss_is_undecided_when_money_moves_and_unavailable_when_asked(toss: Toss, shop: Shop) -> None:
    await shop.faults(error_rate=1)
    moving = toss.confirm("any", new_order(), WON)
    assert await failure_of(ProviderUndecided, moving) == "FAILED_INTERNAL_SYSTEM_PROCESSING"
    assert await failure_of(ProviderUnavailable, toss.payment("any")) == "FAILED_INTERNAL_SYSTEM_PROCESSING"


async def test_nobody_at_the_address_is_unavailable() -> None:
    toss = Toss("http://127.0.0.1:9", "test_sk_any")
    assert await failure_of(ProviderUnavailable, toss.confirm("any", new_order(), WON)) == "unreachable"


async def test_a_wrong_secret_key_says_nothing_of_a_payment(url: str, shop: Shop) -> None:
    payment = await shop.paid()
    toss = Toss(url, "test_sk_wrong", shop.http)
    assert await failure_of(ProviderUnavailable, toss.payment(payment["paymentKey"])) == "UNAUTHORIZED_KEY"


def _answering(status: int, content: bytes) -> Toss:
    transport = httpx.MockTransport(lambda request: httpx.Response(status, content=content))
    return Toss("https://toss.example", "test_sk_any", httpx.AsyncClient(transport=transport, verify=NO_TLS))


@pytest.mark.parametrize(
    ("status", "content", "error", "code"),
    [
        (200, b"<html>", ProviderUndecided, "unreadable"),
        (200, b"{}", ProviderUndecided, "unreadable"),
        (502, b"<html>", ProviderUndecided, "502"),
        (404, b"<html>", ProviderUndecided, "404"),
        (400, b'["list"]', ProviderUndecided, "400"),
        (429, b'{"code":"TOO_MANY","message":"-"}', ProviderUnavailable, "TOO_MANY"),
        (400, b'{"code":"PROVIDER_ERROR","message":"-"}', ProviderUndecided, "PROVIDER_ERROR"),
        (403, b'{"code":"FORBIDDEN_CONSECUTIVE_REQUEST","message":"-"}', ProviderUnavailable, None),
        (400, b'{"code":"SOMETHING_NEW","message":"-"}', ProviderRefused, "SOMETHING_NEW"),
    ],
)
async def test_an_answer_that_decides_nothing_is_not_taken_for_a_refusal(
    status: int, content: bytes, error: type[ProviderError], code: str | None
) -> None:
    found = await failure_of(error, _answering(status, content).confirm("any", new_order(), WON))
    assert code is None or found == code


@pytest.mark.parametrize("amount", [0, -1, Decimal("0.5"), Decimal("10000.01"), Decimal("NaN")])
async def test_an_amount_that_is_no_whole_won_never_leaves(amount: Decimal) -> None:
    toss = _answering(500, b"")
    with pytest.raises(ValueError, match="whole won"):
        await toss.confirm("any", new_order(), amount)
    with pytest.raises(ValueError, match="whole won"):
        await toss.cancel("any", amount=amount, reason="-", idempotency_key="-")


@pytest.mark.parametrize("key", ["", "..", ".", "a/b", "../billing/x", "a?b", "a#b", "a%2Fb", "한글", "a" * 301, "a\n"])
async def test_a_payment_key_from_a_browser_leads_to_no_other_path(key: str) -> None:
    toss = _answering(500, b"")
    assert await failure_of(ProviderRefused, toss.payment(key)) == "INVALID_PAYMENT_KEY"


async def test_no_secret_shows_in_reprs_errors_or_logs(
    toss: Toss, shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    billing_key = await shop.billing_key("tenant-1")
    order = {"customer_key": "tenant-1", "order_name": "-", "idempotency_key": new_order()}
    await shop.faults(accept_then_drop={"count": 1, "on": "POST /v1/billing/"})
    with pytest.raises(ProviderUndecided) as raised:
        await toss.charge(billing_key, order_id=new_order(), amount=WON, **order)
    waiting = await shop.waiting()
    payment = await toss.payment(waiting["paymentKey"])
    auth_key = (await shop.control("card", customerKey="tenant-1"))["authKey"]
    issued = await toss.issue_billing_key(auth_key, "tenant-1")
    ours = [record.getMessage() for record in caplog.records]
    seen = " ".join([repr(toss), repr(issued), repr(payment), repr(ACCOUNT), repr(raised.value), *ours])
    for secret in (shop.secret_key, billing_key, issued.billing_key, waiting["secret"], ACCOUNT.account_number):
        assert secret not in seen


async def test_an_unreadable_answer_is_not_quoted() -> None:
    content = orjson.dumps({"paymentKey": "k", "secret": "ps_private", "status": "ps_private", "orderId": 1})
    with pytest.raises(ProviderUndecided) as raised:
        await _answering(200, content).confirm("any", new_order(), WON)
    assert "ps_private" not in str(raised.value)


def _settings(**more: str) -> Settings:
    base = {"database_url": "-", "google_cloud_project": "-", "allim_encryption_key": "A" * 43 + "="}
    return Settings.of(base | more)


async def test_settings_make_the_client(url: str, shop: Shop) -> None:
    payment = await shop.paid()
    settings = _settings(toss_url=url, toss_secret_key=shop.secret_key)
    assert (await toss_payments(settings).payment(payment["paymentKey"])).status is PaymentStatus.DONE
    assert shop.secret_key not in repr(settings)


@pytest.mark.parametrize("more", [{}, {"toss_secret_key": ""}])
def test_without_a_secret_key_there_is_no_client(more: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="TOSS_SECRET_KEY"):
        toss_payments(_settings(**more))

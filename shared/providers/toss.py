"""Toss Payments on the wire, API version 2022-11-16: https://docs.tosspayments.com/reference.

Every call that moves money carries an Idempotency-Key, so sending it again after a lost answer brings the first answer
again. Toss scopes a key to API key, path and method and not to the body, keeps it for 15 days, and repeats refusals too
(https://docs.tosspayments.com/reference/using-api/authorization).
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from shared.providers.base import ProviderError, ProviderRefused, ProviderUnavailable, ProviderUndecided

if TYPE_CHECKING:
    import httpx

TIMEOUT_SECONDS, CONNECT_SECONDS = 30.0, 5.0
"""A card company may take half a minute to approve."""

NOTHING_DONE = frozenset(
    {"UNAUTHORIZED_KEY", "INVALID_API_KEY", "INCORRECT_BASIC_AUTH_FORMAT", "FORBIDDEN_CONSECUTIVE_REQUEST"}
)
"""Codes that judge our key or our haste, and say nothing of the payment."""

ASK_FIRST = frozenset(
    {
        "ALREADY_CANCELED_PAYMENT",  # by an earlier try of ours, or in Toss's dashboard
        "DUPLICATED_ORDER_ID",  # the order was paid already, perhaps by an earlier try of ours
        "IDEMPOTENT_REQUEST_PROCESSING",  # the first try is under way
        "PROVIDER_ERROR",  # a passing error at the card company, though its status is 400
    }
)
"""Codes of 4xx answers after which money may have moved: only a look-up tells."""

# It writes the address of every request at INFO, and a billing key is part of an address.
logging.getLogger("httpx").setLevel(logging.WARNING)

_PATH_SEGMENT = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9_.=-]{1,300}")


class PaymentStatus(StrEnum):
    """Where a payment is. https://docs.tosspayments.com/reference#payment-객체"""

    READY = "READY"
    IN_PROGRESS = "IN_PROGRESS"  # authorised by the customer, not confirmed
    WAITING_FOR_DEPOSIT = "WAITING_FOR_DEPOSIT"  # also after a deposit that the bank took back
    DONE = "DONE"
    CANCELED = "CANCELED"
    PARTIAL_CANCELED = "PARTIAL_CANCELED"  # also with nothing left: `balance_amount` tells
    ABORTED = "ABORTED"
    EXPIRED = "EXPIRED"


class _Wire(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore", hide_input_in_errors=True
    )


class Cancel(_Wire):
    """One cancel of a payment, whole or in part.

    transaction_key: names the cancel, across all payments.
    cancel_amount: won.
    cancel_status: `DONE`; `IN_PROGRESS` and `ABORTED` are seen with foreign payment services only.
    """

    transaction_key: str
    cancel_amount: Decimal
    cancel_reason: str = ""
    cancel_status: str = "DONE"


class VirtualAccount(_Wire):
    """The account that a customer pays into until `due_date`."""

    account_number: str
    bank_code: str
    customer_name: str | None = None
    due_date: dt.datetime
    expired: bool = False


class Failure(_Wire):
    """Why a payment was aborted or expired: Toss's code, and its sentence for people."""

    code: str
    message: str


class Payment(_Wire):
    """A payment, as far as we use it. Amounts are whole won.

    method: in Korean, such as `카드` or `가상계좌`.
    balance_amount: what is left after cancels.
    approved_at: when the money was taken; None before a deposit.
    secret: comes again in the deposit call of this payment's virtual account.
    """

    payment_key: str
    order_id: str
    status: PaymentStatus
    method: str | None = None
    total_amount: Decimal
    balance_amount: Decimal
    approved_at: dt.datetime | None = None
    cancels: Annotated[tuple[Cancel, ...], BeforeValidator(lambda value: value or ())] = ()
    secret: Annotated[str | None, Field(repr=False)] = None
    virtual_account: VirtualAccount | None = None
    failure: Failure | None = None


class Card(_Wire):
    """A registered card. `number` is masked by Toss."""

    issuer_code: str | None = None
    number: str
    card_type: str | None = None


class BillingKey(_Wire):
    """What charges a customer's card without the customer. It works with its `customer_key` only."""

    billing_key: Annotated[str, Field(repr=False)]
    customer_key: str
    card: Card | None = None


@dataclass(frozen=True, slots=True)
class RefundAccount:
    """Where the refund of a deposit goes.

    bank: Toss's two-digit code of the bank.
    account_number: digits only.
    holder_name: as the bank knows it.
    """

    bank: str
    account_number: str = field(repr=False)
    holder_name: str = field(repr=False)


M = TypeVar("M", bound=_Wire)


class Toss:
    """One merchant's payments.

    Every method raises a ProviderError: ProviderUnavailable when nothing was done; ProviderRefused with Toss's code;
    ProviderUndecided when the answer was lost, Toss failed (5xx) or answered with one of `ASK_FIRST`. After the last,
    `payment` or `payment_of_order` tells what happened. Look-ups move nothing, so they are never undecided.

    Args:
        url: the base address, `https://api.tosspayments.com` in the cloud.
        secret_key: the merchant's; `test_sk_…` moves no real money.
        client: made at the first call when not given.
    """

    def __init__(self, url: str, secret_key: str, client: httpx.AsyncClient | None = None) -> None:
        self._url = url.rstrip("/")
        self._authorization = "Basic " + base64.b64encode(f"{secret_key}:".encode()).decode()
        self._given = client

    @cached_property
    def _client(self) -> httpx.AsyncClient:
        import httpx  # imported here, for a minute of reminders charges nobody as a rule

        # It reads all certificates: 50 ms.
        return self._given or httpx.AsyncClient(timeout=httpx.Timeout(TIMEOUT_SECONDS, connect=CONNECT_SECONDS))

    async def close(self) -> None:
        """Let go of the client, if it is one of our own."""
        if self._given is None and "_client" in self.__dict__:
            await self._client.aclose()

    async def confirm(self, payment_key: str, order_id: str, amount: Decimal | int) -> Payment:
        """Take the money that a customer authorised, within 10 minutes. Compare the amount with the order before.

        A card payment comes back `DONE`, a virtual account `WAITING_FOR_DEPOSIT`.

        Raises:
            ProviderRefused: among others with `ALREADY_PROCESSED_PAYMENT`: it was confirmed before, so fetch it.
        """
        body = {"paymentKey": payment_key, "orderId": order_id, "amount": _won(amount)}
        # The path is the same for every payment, so the key must tell one from another.
        key = hashlib.sha256(orjson.dumps(["confirm", payment_key, order_id, body["amount"]])).hexdigest()
        return await self._post("/v1/payments/confirm", body, key, Payment)

    async def payment(self, payment_key: str) -> Payment:
        """A payment as it is now. ProviderRefused `NOT_FOUND_PAYMENT` when there is none."""
        return await self._get(f"/v1/payments/{_segment(payment_key)}")

    async def payment_of_order(self, order_id: str) -> Payment:
        """The payment of an order as it is now. ProviderRefused `NOT_FOUND_PAYMENT` when there is none."""
        return await self._get(f"/v1/payments/orders/{_segment(order_id)}")

    async def cancel(
        self,
        payment_key: str,
        *,
        amount: Decimal | int | None,
        reason: str,
        idempotency_key: str,
        refund_account: RefundAccount | None = None,
    ) -> Payment:
        """Give money back.

        Args:
            payment_key: the payment.
            amount: won; None for all that is left.
            reason: at most 200 characters, shown on the receipt.
            idempotency_key: at most 300 characters, one for each cancel that is meant.
            refund_account: needed for a virtual account that was paid into.
        """
        body: dict[str, Any] = {"cancelReason": reason}
        if amount is not None:
            body["cancelAmount"] = _won(amount)
        if refund_account is not None:
            body["refundReceiveAccount"] = {
                "bank": refund_account.bank,
                "accountNumber": refund_account.account_number,
                "holderName": refund_account.holder_name,
            }
        return await self._post(f"/v1/payments/{_segment(payment_key)}/cancel", body, idempotency_key, Payment)

    async def issue_billing_key(self, auth_key: str, customer_key: str) -> BillingKey:
        """Exchange what the card page gave for a billing key. An `auth_key` works once; Toss shows the key only now."""
        body = {"authKey": auth_key, "customerKey": customer_key}
        key = hashlib.sha256(orjson.dumps(["issue", auth_key, customer_key])).hexdigest()
        return await self._post("/v1/billing/authorizations/issue", body, key, BillingKey)

    async def charge(
        self,
        billing_key: str,
        *,
        customer_key: str,
        order_id: str,
        order_name: str,
        amount: Decimal | int,
        idempotency_key: str,
    ) -> Payment:
        """Charge a registered card. No webhook tells of it.

        Args:
            billing_key, customer_key: belong together.
            order_id: 6 to 64 of `A-Za-z0-9-_=`; an order is paid once.
            order_name: at most 100 characters, shown on the receipt.
            amount: won.
            idempotency_key: at most 300 characters.
        """
        body = {"customerKey": customer_key, "orderId": order_id, "orderName": order_name, "amount": _won(amount)}
        return await self._post(f"/v1/billing/{_segment(billing_key)}", body, idempotency_key, Payment)

    async def _get(self, path: str) -> Payment:
        try:
            return _read(await self._answer("GET", path, {}), Payment)
        except ProviderUndecided as error:
            raise ProviderUnavailable(error.code, error.detail) from error

    async def _post(self, path: str, body: Mapping[str, Any], idempotency_key: str, model: type[M]) -> M:
        headers = {"Content-Type": "application/json", "Idempotency-Key": idempotency_key}
        return _read(await self._answer("POST", path, headers, orjson.dumps(body)), model)

    async def _answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> bytes:
        """What Toss answers to a request that it carried out.

        Neither path nor body appears in an error: they hold billing keys and account numbers.
        """
        import httpx

        try:
            response = await self._client.request(
                method, self._url + path, headers={"Authorization": self._authorization, **headers}, content=body
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise ProviderUnavailable("unreachable", str(error) or type(error).__name__) from error
        except httpx.HTTPError as error:
            raise ProviderUndecided("no_answer", str(error) or type(error).__name__) from error
        if response.is_success:
            return response.content
        raise _error(response)


def _error(response: httpx.Response) -> ProviderError:
    try:
        answer = orjson.loads(response.content)
        code, message = str(answer["code"]), str(answer["message"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        # Not Toss itself, but something before it.
        code, message = str(response.status_code), "no error of Toss's form"
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS or code in NOTHING_DONE:
        return ProviderUnavailable(code, message)
    if response.is_server_error or code in ASK_FIRST or code == str(response.status_code):
        return ProviderUndecided(code, message)
    return ProviderRefused(code, message)


def _read(content: bytes, model: type[M]) -> M:
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        raise ProviderUndecided("unreadable", str(error)) from error


def _won(amount: Decimal | int) -> int:
    """An amount as the wire has it. Raises ValueError when it is not whole won above zero."""
    won = Decimal(amount)
    if not won.is_finite() or won <= 0 or won != int(won):
        raise ValueError("an amount is whole won above zero")
    return int(won)


def _segment(value: str) -> str:
    """A key as a part of a path. A payment key comes from a browser, and must not lead to another path."""
    if not _PATH_SEGMENT.fullmatch(value):
        raise ProviderRefused("INVALID_PAYMENT_KEY", "not of a form that Toss gives out")
    return value

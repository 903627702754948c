"""The HTTP side: https://api.tosspayments.com as it answers."""

import base64
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.toss.errors import ERRORS, TossError
from simulator.toss.idempotency import Answer, FirstAnswers
from simulator.toss.model import Merchant, Payment
from simulator.toss.provider import ORDER_ID, Toss
from simulator.toss.views import billing_view, payment_view

Body = dict[str, Any]
Handler = Callable[[Merchant, Request, Body], Awaitable[dict[str, Any]]]


class TossApi:
    """Routes of the provider, each answering JSON."""

    def __init__(self, toss: Toss) -> None:
        self._toss = toss
        self._first_answers = FirstAnswers(toss.clock)

    def routes(self) -> list[Route]:
        """Everything under /v1."""
        return [
            self._route("POST", "/v1/payments/confirm", self._confirm),
            self._route("GET", "/v1/payments/orders/{order_id}", self._show_order),
            self._route("GET", "/v1/payments/{payment_key}", self._show),
            self._route("POST", "/v1/payments/{payment_key}/cancel", self._cancel),
            self._route("POST", "/v1/billing/authorizations/issue", self._issue),
            self._route("POST", "/v1/billing/{billing_key}", self._charge),
            self._route("DELETE", "/v1/billing/{billing_key}", self._remove_billing_key),
        ]

    def _route(self, method: str, path: str, handler: Handler) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                merchant = self._caller(request)
            except TossError as error:
                return _response(_refusal(error))

            async def carry_out() -> Answer:
                try:
                    _obey_test_code(merchant, request)
                    body = await _body(request) if method == "POST" else {}
                    return 200, orjson.dumps(await handler(merchant, request, body))
                except TossError as error:
                    return _refusal(error)

            key = request.headers.get("idempotency-key")
            if method != "POST" or key is None:
                return _response(await carry_out())
            try:
                scope = (key, merchant.secret_key, method, request.url.path)
                return _response(await self._first_answers.once(scope, carry_out))
            except TossError as error:
                return _response(_refusal(error))

        return Route(path, endpoint, methods=[method])

    def _caller(self, request: Request) -> Merchant:
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        if not scheme:
            raise TossError("UNAUTHORIZED_KEY")
        try:
            secret_key, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except ValueError as error:  # not ASCII, not base64, or not UTF-8 within
            raise TossError("INCORRECT_BASIC_AUTH_FORMAT") from error
        if scheme.lower() != "basic" or not colon or password:
            raise TossError("INCORRECT_BASIC_AUTH_FORMAT")
        merchant = self._toss.merchants.get(secret_key)
        if merchant is None:
            raise TossError("UNAUTHORIZED_KEY")
        return merchant

    def _view(self, merchant: Merchant, payment: Payment) -> dict[str, Any]:
        return payment_view(merchant, payment, self._toss.clock())

    async def _confirm(self, merchant: Merchant, request: Request, body: Body) -> dict[str, Any]:
        payment_key, order_id, amount = _text(body, "paymentKey", 200), _order_id(body), _amount(body, "amount")
        return self._view(merchant, await self._toss.confirm(merchant, payment_key, order_id, amount))

    async def _show(self, merchant: Merchant, request: Request, body: Body) -> dict[str, Any]:
        return self._view(merchant, self._toss.payment(merchant, request.path_params["payment_key"]))

    async def _show_order(self, merchant: Merchant, request: Request, body: Body) -> dict[str, Any]:
        return self._view(merchant, self._toss.payment_of_order(merchant, request.path_params["order_id"]))

    async def _cancel(self, merchant: Merchant, request: Request, body: Body) -> dict[str, Any]:
        reason = _text(body, "cancelReason", 200)
        amount = None if body.get("cancelAmount") is None else _amount(body, "cancelAmount")
        payment = await self._toss.cancel(
            merchant, request.path_params["payment_key"], amount, reason, has_account=_names_account(body)
        )
        return self._view(merchant, payment)

    async def _issue(self, merchant: Merchant, request: Request, body: Body) -> dict[str, Any]:
        auth_key, customer_key = _text(body, "authKey", 300), _text(body, "customerKey", 300)
        return billing_view(merchant, self._toss.issue(merchant, auth_key, customer_key))

    async def _charge(self, merchant: Merchant, request: Request, body: Body) -> dict[str, Any]:
        payment = await self._toss.charge(
            merchant,
            request.path_params["billing_key"],
            _text(body, "customerKey", 300),
            _order_id(body),
            _text(body, "orderName", 100),
            _amount(body, "amount"),
        )
        return self._view(merchant, payment)

    async def _remove_billing_key(self, merchant: Merchant, request: Request, body: Body) -> dict[str, Any]:
        self._toss.remove_billing_key(merchant, request.path_params["billing_key"])
        return {}


def _obey_test_code(merchant: Merchant, request: Request) -> None:
    """`TossPayments-Test-Code` forces an error before anything is looked at; a live key makes it mean nothing."""
    code = request.headers.get("tosspayments-test-code")
    if code and merchant.secret_key.startswith("test_"):
        raise TossError(code if code in ERRORS else "INVALID_REQUEST")


async def _body(request: Request) -> Body:
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise TossError("INVALID_REQUEST") from error
    if not isinstance(body, dict):
        raise TossError("INVALID_REQUEST")
    return body


def _text(body: Body, name: str, most: int) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= most:
        raise TossError("INVALID_REQUEST")
    return value


def _order_id(body: Body) -> str:
    order_id = _text(body, "orderId", 64)
    if not ORDER_ID.fullmatch(order_id):
        raise TossError("INVALID_REQUEST")
    return order_id


def _amount(body: Body, name: str) -> int:
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise TossError("INVALID_REQUEST")
    return value


def _names_account(body: Body) -> bool:
    account = body.get("refundReceiveAccount")
    return isinstance(account, dict) and all(account.get(name) for name in ("bank", "accountNumber", "holderName"))


def _refusal(error: TossError) -> Answer:
    return error.status, orjson.dumps({"code": error.code, "message": error.message})


def _response(answer: Answer) -> Response:
    status, content = answer
    return Response(content, status, media_type="application/json")

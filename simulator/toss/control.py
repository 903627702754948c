"""The control API of Toss: what happens in browsers, banks and Toss's dashboard, and what was really charged.

PUT  /control/toss               add a merchant, or change the given fields of one (see `MerchantSpec`)
GET  /control/toss               merchants, without secrets, and what became of webhooks
POST /control/toss/authenticate  a customer authorises a payment in the checkout widget: {paymentKey}
POST /control/toss/deposit       a customer pays into the virtual account of an order, or the bank takes it back
POST /control/toss/card          a customer registers a card: {authKey}
POST /control/toss/cancel        somebody cancels a payment in Toss's dashboard
GET  /control/toss/payments      what was really charged; ?secretKey= for one merchant

Each works for the merchant that `secretKey` names, by default the one that is there from the start.
"""

from collections import Counter
from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.orders import Order, answer, read_order, refuse
from simulator.toss.errors import TossError
from simulator.toss.model import Merchant, Method, Payment
from simulator.toss.provider import ORDER_ID, Toss
from simulator.toss.views import kst, payment_view
from simulator.toss.webhooks import TossWebhooks

DEFAULT_SECRET_KEY = "test_sk_localsimulator000000000000"  # noqa: S105 - opens a simulator and nothing else

Text = Annotated[str, Field(min_length=1, max_length=300)]
OrderId = Annotated[str, Field(pattern=f"^{ORDER_ID.pattern}$")]
Won = Annotated[int, Field(gt=0, le=1_000_000_000_000, strict=True)]
Milliseconds = Annotated[float, Field(ge=0, le=600_000)]


class MerchantOrder(Order):
    """An order that a merchant is concerned with."""

    secret_key: Text = DEFAULT_SECRET_KEY


class MerchantSpec(MerchantOrder):
    """A merchant.

    Attributes:
        secret_key: identifies it; `TossPayments-Test-Code` works for one that begins with `test_`.
        webhook_url: where all events go; null for nowhere.
        approval_ms: how long confirming, cancelling and charging take; others may come in between.
        retry_minute_ms: how long a minute lasts between tries of a webhook.
    """

    webhook_url: Annotated[str, Field(pattern=r"^https?://")] | None = None
    approval_ms: Milliseconds = 0
    retry_minute_ms: Milliseconds = 50


class Authentication(MerchantOrder):
    """A customer's authorisation of a payment; `outcome` is what the card company will say when it is confirmed."""

    order_id: OrderId
    amount: Won
    method: Method = Method.CARD
    order_name: Annotated[str, Field(min_length=1, max_length=100)] = "크레딧 충전"
    outcome: Literal["ok", "reject"] = "ok"


class Deposit(MerchantOrder):
    """A deposit, or one that the bank takes back, as it does when a transfer fails afterwards."""

    order_id: OrderId
    reversed: bool = False


class CardOrder(MerchantOrder):
    """A card of a customer; `outcome` is what the card company says from now on, also of keys issued before."""

    customer_key: Text
    outcome: Literal["ok", "reject"] = "ok"


class DashboardCancel(MerchantOrder):
    """A cancel of an order's payment, of all that is left unless an amount is given."""

    order_id: OrderId
    amount: Won | None = None
    reason: Annotated[str, Field(min_length=1, max_length=200)] = "관리자 취소"


def register(toss: Toss, spec: MerchantSpec) -> Merchant:
    """Add a merchant, or change the given fields of the one that has this key."""
    merchant = toss.merchants.get(spec.secret_key)
    if merchant is None:
        merchant = toss.merchants[spec.secret_key] = Merchant(spec.secret_key, f"sim{len(toss.merchants)}")
    for name in spec.model_fields_set - {"secret_key"}:
        setattr(merchant, name, getattr(spec, name))
    return merchant


class TossControl:
    """The control API over Toss."""

    def __init__(self, toss: Toss, webhooks: TossWebhooks) -> None:
        self._toss = toss
        self._webhooks = webhooks

    def routes(self) -> list[Route]:
        """Everything under /control/toss."""
        return [
            Route("/control/toss", self._put_merchant, methods=["PUT"]),
            Route("/control/toss", self._show_merchants, methods=["GET"]),
            Route("/control/toss/authenticate", self._authenticate, methods=["POST"]),
            Route("/control/toss/deposit", self._deposit, methods=["POST"]),
            Route("/control/toss/card", self._register_card, methods=["POST"]),
            Route("/control/toss/cancel", self._cancel, methods=["POST"]),
            Route("/control/toss/payments", self._show_payments, methods=["GET"]),
        ]

    async def _put_merchant(self, request: Request) -> Response:
        spec = await read_order(request, MerchantSpec)
        return spec if isinstance(spec, Response) else answer(_merchant_view(register(self._toss, spec)))

    async def _show_merchants(self, request: Request) -> Response:
        merchants = [_merchant_view(merchant) for merchant in self._toss.merchants.values()]
        return answer({"merchants": merchants, "webhooks": asdict(self._webhooks.counts)})

    async def _authenticate(self, request: Request) -> Response:
        order = await read_order(request, Authentication)
        if isinstance(order, Response):
            return order
        if (merchant := self._toss.merchants.get(order.secret_key)) is None:
            return _no_merchant()
        payment = self._toss.authenticate(merchant, order.order_id, order.amount, order.method, order.order_name)
        payment.rejected = order.outcome == "reject"
        return answer({"paymentKey": payment.payment_key, "orderId": order.order_id, "amount": order.amount})

    async def _deposit(self, request: Request) -> Response:
        order = await read_order(request, Deposit)
        if isinstance(order, Response):
            return order
        if (merchant := self._toss.merchants.get(order.secret_key)) is None:
            return _no_merchant()
        act = self._toss.reverse_deposit if order.reversed else self._toss.deposit
        payment = act(merchant, order.order_id)
        if payment is None:
            return refuse(409, "the order has no deposit to take back" if order.reversed else "nothing to deposit for")
        return answer(payment_view(merchant, payment, self._toss.clock()))

    async def _register_card(self, request: Request) -> Response:
        order = await read_order(request, CardOrder)
        if isinstance(order, Response):
            return order
        if (merchant := self._toss.merchants.get(order.secret_key)) is None:
            return _no_merchant()
        rejected = order.outcome == "reject"
        return answer({"authKey": self._toss.register_card(merchant, order.customer_key, rejected=rejected)})

    async def _cancel(self, request: Request) -> Response:
        order = await read_order(request, DashboardCancel)
        if isinstance(order, Response):
            return order
        if (merchant := self._toss.merchants.get(order.secret_key)) is None:
            return _no_merchant()
        try:
            found = self._toss.payment_of_order(merchant, order.order_id)
            payment = await self._toss.cancel(merchant, found.payment_key, order.amount, order.reason, has_account=True)
        except TossError as error:
            return refuse(409, str(error))
        return answer(payment_view(merchant, payment, self._toss.clock()))

    async def _show_payments(self, request: Request) -> Response:
        secret_key = request.query_params.get("secretKey")
        merchants = [m for m in self._toss.merchants.values() if secret_key in (None, m.secret_key)]
        if not merchants:
            return _no_merchant()
        charged = [payment for merchant in merchants for payment in merchant.payments.values() if payment.charged]
        times = Counter(payment.order_id for payment in charged)
        return answer(
            {
                "count": len(charged),
                "charged": sum(payment.charged for payment in charged),
                "cancelled": sum(_given_back(payment) for payment in charged),
                "doubles": sorted(order_id for order_id, number in times.items() if number > 1),
                "payments": [_charge_view(payment) for payment in charged],
            }
        )


def _given_back(payment: Payment) -> int:
    return sum(cancel.amount for cancel in payment.cancels if cancel.status == "DONE")


def _charge_view(payment: Payment) -> dict[str, Any]:
    return {
        "paymentKey": payment.payment_key,
        "orderId": payment.order_id,
        "type": payment.kind,
        "method": payment.method,
        "status": payment.status,
        "charged": payment.charged,
        "cancelled": _given_back(payment),
        "at": kst(payment.approved),
    }


def _merchant_view(merchant: Merchant) -> dict[str, Any]:
    return {
        "mId": merchant.m_id,
        "webhookUrl": merchant.webhook_url,
        "approvalMs": merchant.approval_ms,
        "retryMinuteMs": merchant.retry_minute_ms,
        "payments": len(merchant.payments),
        "billingKeys": len(merchant.billing_keys),
    }


def _no_merchant() -> Response:
    return refuse(404, "no such merchant")

"""What Toss keeps: merchants, payments, cancels, cards and billing keys. Money is whole won."""

from dataclasses import dataclass, field
from enum import StrEnum

SESSION = 10 * 60
"""Seconds from a customer's authentication within which a payment must be confirmed."""

DEPOSIT_WITHIN = 7 * 24 * 3600
"""Seconds that a virtual account takes deposits."""


class Method(StrEnum):
    """How it is paid, as the control API calls it; `label` is what the wire says."""

    CARD = "card"
    VIRTUAL_ACCOUNT = "virtual_account"
    FOREIGN_EASY_PAY = "foreign_easy_pay"

    @property
    def label(self) -> str:
        """The Korean word on the wire."""
        return {"card": "카드", "virtual_account": "가상계좌", "foreign_easy_pay": "해외간편결제"}[self.value]

    @property
    def minimum(self) -> int:
        """The least that can be paid so, in won."""
        return 200 if self is Method.VIRTUAL_ACCOUNT else 100


class Status(StrEnum):
    """https://docs.tosspayments.com/reference#payment-객체"""

    IN_PROGRESS = "IN_PROGRESS"
    WAITING_FOR_DEPOSIT = "WAITING_FOR_DEPOSIT"
    DONE = "DONE"
    CANCELED = "CANCELED"
    PARTIAL_CANCELED = "PARTIAL_CANCELED"
    ABORTED = "ABORTED"
    EXPIRED = "EXPIRED"


UNPAID = frozenset({Status.IN_PROGRESS, Status.ABORTED, Status.EXPIRED})
"""Statuses that leave the order to another payment."""


@dataclass(slots=True, eq=False)
class Cancel:
    """One cancel. `status` is IN_PROGRESS for a while with foreign payment services only."""

    transaction_key: str
    amount: int
    reason: str
    at: float
    status: str = "DONE"
    refundable: int = 0


@dataclass(slots=True, eq=False)
class Payment:
    """A payment from the customer's authentication on.

    Attributes:
        kind: NORMAL, or BILLING for a charge by billing key.
        rejected: what the card company will say is no.
        at_bank: a confirmation or charge is being decided at this moment.
        requested: when the customer authenticated, or the charge came; seconds since the epoch.
        approved: when the money was taken, or None.
        charged: what was really taken over time: also counts what was given back later.
        secret: verifies the deposit call of a virtual account.
    """

    payment_key: str
    order_id: str
    order_name: str
    method: Method
    total: int
    requested: float
    transaction_key: str
    kind: str = "NORMAL"
    rejected: bool = False
    at_bank: bool = False
    status: Status = Status.IN_PROGRESS
    balance: int = 0
    approved: float | None = None
    charged: int = 0
    secret: str | None = None
    account_number: str | None = None
    depositor: str | None = None
    due: float | None = None
    cancels: list[Cancel] = field(default_factory=list)
    failure: tuple[str, str] | None = None

    @property
    def pending_cancels(self) -> int:
        """What cancels under way will give back."""
        return sum(cancel.amount for cancel in self.cancels if cancel.status == "IN_PROGRESS")


@dataclass(slots=True, eq=False)
class BillingKey:
    """A customer's registered card, to be charged without the customer."""

    billing_key: str
    customer_key: str
    issued: float
    deleted: bool = False


@dataclass(eq=False)
class Merchant:
    """A customer of Toss.

    Attributes:
        webhook_url: where all events go; None for nowhere.
        approval_ms: how long confirming, cancelling and charging take.
        retry_minute_ms: how long a minute of the webhooks' back-off lasts here.
        cards: by customer key, whether the card company will reject a charge.
        auth_keys: what the card page gave out and nobody used yet: the customer key of each.
    """

    secret_key: str
    m_id: str
    webhook_url: str | None = None
    approval_ms: float = 0
    retry_minute_ms: float = 50
    payments: dict[str, Payment] = field(default_factory=dict)
    orders: dict[str, list[Payment]] = field(default_factory=dict)
    cards: dict[str, bool] = field(default_factory=dict)
    auth_keys: dict[str, str] = field(default_factory=dict)
    billing_keys: dict[str, BillingKey] = field(default_factory=dict)

    def keep(self, payment: Payment) -> None:
        """Take a new payment into the books."""
        self.payments[payment.payment_key] = payment
        self.orders.setdefault(payment.order_id, []).append(payment)

    def of_order(self, order_id: str) -> Payment | None:
        """The payment of an order: the paid one, else the latest."""
        found = self.orders.get(order_id, [])
        paid = [payment for payment in found if payment.status not in UNPAID]
        return (paid or found)[-1] if found else None

    def is_taken(self, order_id: str, by_other_than: Payment | None = None) -> bool:
        """Whether an order is paid, or is being paid at this moment, by another payment."""
        return any(
            payment.at_bank or payment.status not in UNPAID
            for payment in self.orders.get(order_id, [])
            if payment is not by_other_than
        )

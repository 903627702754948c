"""What a payment means for an order. Nothing here reads or writes."""

from __future__ import annotations

import datetime as dt

from shared.credits.payment_store import Order
from shared.providers.toss import Payment

UNDECIDED_AFTER = dt.timedelta(minutes=1)
"""By then no call to Toss is under way any more: what has no end is asked for."""

UNPAID = ("created", "confirming", "failed")
"""Any payment may still be an order's. One that failed here was perhaps paid by a key whose answer was lost."""


def status_of(payment: Payment) -> str | None:
    """Our word for Toss's, or None where an order stays as it is. One cancelled bit by bit ends with nothing left."""
    if payment.status == "PARTIAL_CANCELED" and payment.balance_amount == 0:
        return "cancelled"
    return {
        "DONE": "paid",
        "PARTIAL_CANCELED": "partly_cancelled",
        "CANCELED": "cancelled",
        "WAITING_FOR_DEPOSIT": "waiting_for_deposit",
        "ABORTED": "failed",
        "EXPIRED": "failed",
    }.get(payment.status)


def is_early(order: Order, payment: Payment, now: dt.datetime) -> bool:
    """Whether a failed payment decides nothing yet: the customer may be paying the order with another key."""
    under_way = order.purpose == "topup" and order.status == "confirming" and order.updated_at >= now - UNDECIDED_AFTER
    return under_way and status_of(payment) == "failed"

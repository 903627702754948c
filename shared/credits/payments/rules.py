"""What a payment means for an order. Nothing here reads or writes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal

from shared.credits.amounts import total
from shared.credits.errors import CreditError
from shared.credits.payments.errors import amount_changed, other_payment
from shared.credits.payments.store import Cancel, Order
from shared.platform.loops.sweeps import Limits
from shared.providers.toss import Payment

UNDECIDED_AFTER = dt.timedelta(minutes=1)
"""By then no call to Toss is under way any more: what has no end is asked for."""

CHARGE_LEASE = dt.timedelta(minutes=3)
"""A charge under way is its instance's own. Longer than Toss's slowest answer, or two would work on it; and by then a
look-up has decided it."""

NOT_PAID_ENDS = dt.timedelta(days=3)
"""An order that nobody began to pay ends then. Whoever pays it after all is welcome: see `UNPAID`."""

CHARGE_ENDS, CANCEL_ENDS = dt.timedelta(days=7), dt.timedelta(days=7)
"""What was begun and is not decided by then ends: Toss decides within minutes, and keeps a key for 15 days."""

DEPOSIT_ENDS = dt.timedelta(days=91)
"""Toss lets a virtual account wait for 90 days at most (`validHours`, 2,160)."""

LONGEST_WITHOUT_ASKING = dt.timedelta(hours=1)
"""What comes to no end is taken up again after twice as long each time, and this at most."""

LIMITS = Limits(at_once=8, patience=dt.timedelta(seconds=30), work_for=dt.timedelta(seconds=20))
"""Of asking Toss what became of orders, and of charging cards."""

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


def ends_at(order: Order) -> dt.datetime | None:
    """When an order that is not decided ends by itself; None where it has its end."""
    after = {"created": NOT_PAID_ENDS, "confirming": CHARGE_ENDS, "waiting_for_deposit": DEPOSIT_ENDS}.get(order.status)
    return order.created_at + after if after else None


def dispute_of(order: Order, payment: Payment) -> CreditError | None:
    """Why a payment that names an order can't be the order's, or None where it can."""
    if payment.total_amount != order.amount:
        return amount_changed(order.amount, payment.total_amount)
    if order.payment_key not in (None, payment.payment_key) and order.status not in UNPAID:
        return other_payment()
    return None


def left_of(order: Order, cancels: Sequence[Cancel]) -> Decimal:
    """How many won of an order no cancel has taken or asked for."""
    return order.amount - total(cancel.amount for cancel in cancels if cancel.status != "refused")


def repeats(order: Order, cancels: Sequence[Cancel], request: Cancel, amount: Decimal | None) -> bool:
    """Whether a cancel of `amount` won, None for all that is left, is the one that was asked for before."""
    if amount is not None:
        return amount == request.amount
    others = [cancel for cancel in cancels if cancel.id != request.id]
    # One that was refused meanwhile may have counted then.
    return request.amount in (left_of(order, others), order.amount - total(cancel.amount for cancel in others))


def is_early(order: Order, payment: Payment, now: dt.datetime) -> bool:
    """Whether a failed payment decides nothing yet: the customer may be paying the order with another key."""
    under_way = order.purpose == "topup" and order.status == "confirming" and order.updated_at >= now - UNDECIDED_AFTER
    return under_way and status_of(payment) == "failed"


def is_stale(order: Order, payment: Payment) -> bool:
    """Whether a payment was fetched before another one that counts already: what was cancelled stays cancelled."""
    return total(entry.cancel_amount for entry in payment.cancels) < order.cancelled


def is_turn(order: Order, payment: Payment) -> bool:
    """Whether a deposit went back to its bank, or came again: as an answer from before the last deposit also says."""
    counts, came = order.status in ("paid", "partly_cancelled"), payment.approved_at is not None
    return (counts and not came) or (came and not counts and order.reversals > 0)

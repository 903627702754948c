"""What cancels of a payment do to the credit that it bought. All in the transaction that locked the order."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from shared.credits.errors import CreditError
from shared.credits.ledger.ledger import return_credit, take_back
from shared.credits.payments.store import Cancel, Order, read_cancels, save_cancel
from shared.platform.database import Connection
from shared.platform.ids import derived_id
from shared.platform.signals.alerts import raise_alert
from shared.providers import ProviderRefused
from shared.providers.toss import Payment


async def settle_cancels(connection: Connection, order: Order, payment: Payment, now: dt.datetime) -> Decimal:
    """Match Toss's cancels with ours; one made in Toss's dashboard takes its credit back now."""
    ours = await read_cancels(connection, order)
    known = {cancel.transaction_key for cancel in ours}
    asked = [cancel for cancel in ours if cancel.status == "asked"]
    for entry in payment.cancels:
        if entry.transaction_key in known:
            continue
        mine = next((cancel for cancel in asked if cancel.amount == entry.cancel_amount), None)
        if mine is not None:
            asked.remove(mine)
            await save_cancel(connection, mine, "done", now, transaction_key=entry.transaction_key)
            continue
        reason = entry.cancel_reason[:200] or "-"
        id_ = derived_id(now, order.id, entry.transaction_key)
        theirs = Cancel(order.tenant, id_, order.id, entry.cancel_amount, reason, "done", None)
        detail = None
        if payment.approved_at is not None:
            key = f"toss-cancel/{entry.transaction_key}"
            detail = await take_back_paid(connection, order, entry.cancel_amount, key, now)
        await save_cancel(connection, theirs, "done", now, transaction_key=entry.transaction_key, detail=detail)
    return sum((entry.cancel_amount for entry in payment.cancels), Decimal(0))


async def take_back_paid(
    connection: Connection, order: Order, amount: Decimal, key: str, now: dt.datetime
) -> str | None:
    """Take out credit whose money Toss has given back already.

    Where it was spent meanwhile, the ledger stays true and a person is told. Gives why, then. A plan stays as it
    is, for nobody asked to end it; a person is told of that, too.
    """
    if order.purpose == "plan":
        detail = f"{order.id}: {amount} won were given back at Toss, and the plan goes on"
        await raise_alert(connection, order.tenant, "plan_payment_cancelled", detail, now)
        return detail
    try:
        await take_back(connection, order.tenant, amount, key=key, reference=order.id, now=now)
    except CreditError as error:
        await raise_alert(connection, order.tenant, "cancel_without_credit", f"{order.id}: {error}", now)
        return str(error)
    return None


async def undo_take_back(
    connection: Connection, order: Order, request: Cancel, refused: ProviderRefused, now: dt.datetime
) -> None:
    """Give again what was taken for a cancel that Toss refused."""
    if order.purpose == "plan":  # its plan has ended, and the money is still here: a person has to send it
        detail = f"{order.id}: {request.amount} won were not given back: {refused}"
        await raise_alert(connection, order.tenant, "plan_refund_refused", detail, now)
        return
    key = f"cancel-refused/{request.id}"
    await return_credit(connection, order.tenant, request.amount, key=key, reference=order.id, now=now)

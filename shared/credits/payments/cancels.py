"""What cancels of a payment do to what it bought. All in the transaction that locked the order."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from shared.credits.amounts import total
from shared.credits.payments.purposes import Purpose
from shared.credits.payments.store import Cancel, Order, read_cancels, save_cancel
from shared.platform.database import Connection
from shared.platform.ids import derived_id
from shared.providers.toss import Payment


async def settle_cancels(
    connection: Connection, order: Order, purpose: Purpose, payment: Payment, now: dt.datetime
) -> Decimal:
    """Match Toss's cancels with ours; one made in Toss's dashboard takes back now what was bought.

    Gives the won that were cancelled in all.
    """
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
            detail = await purpose.lose(connection, order, entry.cancel_amount, key, now)
        await save_cancel(connection, theirs, "done", now, transaction_key=entry.transaction_key, detail=detail)
    return total(entry.cancel_amount for entry in payment.cancels)

"""Orders and cancels that nobody decides: they end by themselves, with a reason, and a person is told.

Toss does not answer, answers what can't be read, or says for ever that a payment is under way. What ends here is not
lost: should Toss tell later that it was paid or cancelled after all, that counts as ever.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from shared.credits.amounts import in_won
from shared.credits.payments.purposes import Purpose
from shared.credits.payments.rules import CANCEL_ENDS, ends_at
from shared.credits.payments.store import Order, lock_order, overdue_cancels, payment_failed, save_cancel, update_order
from shared.platform.database import Connection
from shared.platform.signals.alerts import raise_alert
from shared.providers import ProviderRefused

NOBODY_TO_ASK, PAYMENT_UNDECIDED = "nobody_to_ask", "payment_undecided"
"""The reason, and the kind of the alert."""


async def give_up_overdue(
    connection: Connection, order_id: str, purposes: Mapping[str, Purpose], why: str, now: dt.datetime
) -> None:
    """End an order, and cancels of it, whose time to be decided is over. What still has time stays as it is.

    Args:
        connection: in a transaction.
        order_id: which.
        purposes: what orders may be for, by name.
        why: what Toss said or did last, for people.
        now: the moment.
    """
    order = await lock_order(connection, order_id)
    if order is None:
        return
    purpose = purposes[order.purpose]
    detail = f"Toss could not be asked, or did not decide it: {why} (결제사가 결과를 알려 주지 않았습니다.)"[:500]
    if not purpose.decides_charges and (over := ends_at(order)) is not None and now >= over:
        await update_order(connection, order, now, status="failed", failure_code=NOBODY_TO_ASK, failure_detail=detail)
        await purpose.refuse(connection, order, f"{NOBODY_TO_ASK}: {detail}", now)
        await tell(connection, order, "was not decided", now)
        payment_failed(order.tenant, NOBODY_TO_ASK)
    for request in await overdue_cancels(connection, order, now - CANCEL_ENDS):
        await save_cancel(connection, request, "refused", now, detail=detail)
        await purpose.keep(connection, order, request, ProviderRefused(NOBODY_TO_ASK, detail), now)
        await tell(connection, order, f"a cancel of {in_won(request.amount)} won was not decided", now)


async def tell(connection: Connection, order: Order, what: str, now: dt.datetime) -> None:
    """Let a person look at Toss's dashboard."""
    detail = f"{order.id}, {in_won(order.amount)} won: {what}; look whether money was taken at Toss (결제 확인 필요)"
    await raise_alert(connection, order.tenant, PAYMENT_UNDECIDED, detail, now)

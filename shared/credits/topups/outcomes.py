"""What an automatic top-up's order does to later charges, once it is known whether it was paid.

Whoever learns it first does it (the charge's own answer or a look-up), in the transaction that settles the order.
"""

from __future__ import annotations

import datetime as dt

from shared.credits.payments.store import Order
from shared.credits.topups.store import lock_failures, record_outcome
from shared.platform.database import Connection
from shared.platform.signals.alerts import raise_alert, resolve_alerts

FIRST_BACK_OFF = dt.timedelta(minutes=10)
MAX_FAILURES = 5
"""After as many refusals in a row the card is left alone until somebody enables it again."""


async def settle_charge(
    connection: Connection, order: Order, status: str | None, failure: str | None, now: dt.datetime
) -> None:
    """Take note of what became of a charge.

    Args:
        connection: in a transaction that has locked the order.
        order: as it was before, unpaid.
        status: what it has become; None where that is not known.
        failure: why it was not paid, if Toss says so.
        now: the moment.
    """
    if status == "paid":  # what was refused before counts no more
        await record_outcome(connection, order.tenant, failures=0, next_try_at=now, enabled=True)
        await resolve_alerts(connection, order.tenant, ["topup_refused"], now)
    elif status == "failed" != order.status:
        await note_refused(connection, order.tenant, failure or "the payment was not made", now)


async def note_refused(connection: Connection, tenant: str, reason: str, now: dt.datetime) -> None:
    """A card could not be charged: leave it alone for longer each time, in the end for good, and tell a person.

    Args:
        connection: in a transaction that has locked the order.
        tenant: whose card.
        reason: why, for people.
        now: the moment.
    """
    failures = await lock_failures(connection, tenant) + 1
    await record_outcome(
        connection,
        tenant,
        failures=failures,
        next_try_at=now + FIRST_BACK_OFF * 2 ** (failures - 1),
        enabled=failures < MAX_FAILURES,
    )
    await raise_alert(connection, tenant, "topup_refused", reason, now)

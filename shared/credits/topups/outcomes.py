"""What an automatic top-up's order does to later charges, once it is known whether it was paid.

Whoever learns it first does it (the charge's own answer or a look-up), in the transaction that settles the order.
"""

from __future__ import annotations

import datetime as dt
from typing import ClassVar

from shared.credits.payments.purposes import CreditPurpose
from shared.credits.payments.rules import UNPAID
from shared.credits.payments.store import Order
from shared.credits.topups.store import lock_failures, record_outcome
from shared.platform.database import Connection
from shared.platform.signals.alerts import raise_alert, resolve_alerts

FIRST_BACK_OFF = dt.timedelta(minutes=10)
MAX_FAILURES = 5
"""After as many refusals in a row the card is left alone until somebody enables it again."""


class AutomaticTopUpPurpose(CreditPurpose):
    """An order that is charged to a registered card when credit is low."""

    name: ClassVar[str] = "automatic_topup"

    async def settle(
        self, connection: Connection, order: Order, status: str | None, failure: str | None, now: dt.datetime
    ) -> None:
        if order.status not in UNPAID:
            return
        if status == "paid":  # what was refused before counts no more
            await record_outcome(connection, order.tenant, failures=0, next_try_at=now, enabled=True)
            await resolve_alerts(connection, order.tenant, ["topup_refused"], now)
        elif status == "failed" != order.status:
            await self.refuse(connection, order, failure or "the payment was not made", now)

    async def refuse(self, connection: Connection, order: Order, reason: str, now: dt.datetime) -> None:
        """Leave the card alone for longer each time, in the end for good, and tell a person."""
        failures = await lock_failures(connection, order.tenant) + 1
        await record_outcome(
            connection,
            order.tenant,
            failures=failures,
            next_try_at=now + FIRST_BACK_OFF * 2 ** (failures - 1),
            enabled=failures < MAX_FAILURES,
        )
        await raise_alert(connection, order.tenant, "topup_refused", reason, now)

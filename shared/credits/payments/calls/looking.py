"""What calls said of orders is looked after here, where Toss is asked, and not where anybody may call.

So however many forged calls there are, Toss is asked no more often than this does: about an order that there is, once
in a while, and of many tenants' orders by turns. A true call among them is looked after, too, at the latest a little
later.
"""

from __future__ import annotations

import datetime as dt

from shared.credits.errors import CreditError
from shared.credits.payments.calls.look_up_store import LookUp, decide_look_ups, looked
from shared.credits.payments.payments import Payments
from shared.platform.clock import Clock
from shared.platform.database import Database
from shared.platform.logs import log
from shared.platform.loops.sweeps import Limits, Sweep
from shared.providers import ProviderRefused
from shared.providers.toss import Toss

AGAIN_AFTER = dt.timedelta(seconds=10)
"""Until an order may be looked at once more: Toss makes several calls of one deposit."""

LONGEST_PUT_OFF = dt.timedelta(minutes=10)
LIMITS = Limits(at_once=4, patience=dt.timedelta(seconds=30), work_for=dt.timedelta(seconds=20))


class LookUps:
    """Looks after what was said of orders.

    Args:
        database: a role that may write payments and the ledger.
        toss: the wire.
        payments: settle what is found.
        clock: the time.
    """

    def __init__(self, database: Database, toss: Toss, payments: Payments, clock: Clock) -> None:
        self._database = database
        self._toss = toss
        self._payments = payments
        self._clock = clock
        self._owed = Sweep("look-ups", self._take, self._look, LookUp._asdict, clock, LIMITS)

    async def run(self) -> None:
        """Look at every order that a look-up is owed to by now."""
        await self._owed.run()

    async def _take(self, limit: int) -> list[LookUp]:
        async with self._database.connection() as connection:
            return await decide_look_ups(
                connection, now=self._clock.now(), first=AGAIN_AFTER, longest=LONGEST_PUT_OFF, limit=limit
            )

    async def _look(self, owed: LookUp) -> None:
        try:
            await self._payments.settle(await self._toss.payment_of_order(owed.id))
        except (CreditError, ProviderRefused) as error:
            # Nothing was paid, or it was disputed and a person told: to look again would not change that.
            fields = {"tenant": owed.tenant, "order": owed.id, "code": error.code}
            log("payments").info("nothing came of a look-up: %s", error.code, extra={"fields": fields})
        async with self._database.connection() as connection:
            await looked(connection, owed, self._clock.now() + AGAIN_AFTER)

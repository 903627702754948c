"""Automatic top-up: when credit runs low the registered card is charged, one charge at a time, within a daily cap."""

from __future__ import annotations

from shared.credits.errors import CreditError
from shared.credits.payments.cards import customer_key_of, save_billing_key
from shared.credits.payments.payments import ORDER_NAME, Payments
from shared.credits.payments.rules import CHARGE_LEASE, LIMITS, LONGEST_WITHOUT_ASKING
from shared.credits.payments.sealing import open_card, seal_card
from shared.credits.payments.store import insert_order
from shared.credits.topups.store import Due, decide_due_charges, lock_due
from shared.platform.clock import Clock, day_of, first_moment
from shared.platform.crypto import Keys
from shared.platform.database import Database
from shared.platform.ids import new_id
from shared.platform.logs import log
from shared.platform.loops.sweeps import Sweep
from shared.providers import ProviderError, ProviderRefused
from shared.providers.toss import Toss


class AutomaticTopUps:
    """Charges cards of tenants whose credit is low.

    Args:
        database: a role that may write payments and the ledger.
        toss: the wire.
        payments: settles what was charged.
        keys: open and seal billing keys.
        clock: the time.
    """

    def __init__(self, database: Database, toss: Toss, payments: Payments, keys: Keys, clock: Clock) -> None:
        self._database = database
        self._toss = toss
        self._payments = payments
        self._keys = keys
        self._clock = clock

    async def register_card(self, tenant: str, auth_key: str) -> None:
        """Exchange what the card page gave for a billing key, and keep it sealed. Raises ProviderError."""
        customer_key = customer_key_of(tenant)
        issued = await self._toss.issue_billing_key(auth_key, customer_key)
        sealed = seal_card(self._keys, tenant, issued.billing_key)
        async with self._database.transaction() as connection:
            await save_billing_key(connection, tenant, customer_key, sealed, self._clock.now())

    async def charge_due(self) -> int:
        """Charge each tenant that is due. Gives how many were charged."""
        charged = 0

        async def charge(due: Due) -> None:
            nonlocal charged
            if await self._charge(due):
                charged += 1

        await Sweep("topups", self._take, charge, _fields, self._clock, LIMITS).run()
        return charged

    async def _take(self, limit: int) -> list[Due]:
        now = self._clock.now()
        async with self._database.connection() as connection:
            return await decide_due_charges(
                connection,
                now=now,
                since=first_moment(day_of(now)),
                first=CHARGE_LEASE,
                longest=LONGEST_WITHOUT_ASKING,
                limit=limit,
            )

    async def _charge(self, due: Due) -> bool:
        """Write an order before any money moves, and charge the card. Whatever stops that, reconciling decides it."""
        now = self._clock.now()
        order = f"auto_{new_id(now).hex}"
        async with self._database.transaction() as connection:
            if not await lock_due(connection, due):
                return False
            await insert_order(connection, due.tenant, order, due.amount, "automatic_topup", "confirming", now)
        try:
            billing_key = open_card(self._keys, due.tenant, due.billing_key)
        except CreditError as unreadable:
            await self._payments.fail(order, unreadable.code, unreadable.detail)
            return False
        try:
            payment = await self._toss.charge(
                billing_key,
                customer_key=due.customer_key,
                order_id=order,
                order_name=ORDER_NAME,
                amount=int(due.amount),
                idempotency_key=order,
            )
            await self._payments.settle(payment)
        except ProviderRefused as refused:
            await self._payments.fail(order, refused.code, refused.detail)
            return False
        except (ProviderError, CreditError) as error:
            # The order stays `confirming`; reconciling asks Toss by its id.
            log("topups").warning("undecided: %s", error, extra={"fields": {"tenant": due.tenant, "order": order}})
            return False
        return True


def _fields(due: Due) -> dict[str, object]:
    return {"tenant": due.tenant}

"""Automatic top-up: when credit runs low the registered card is charged, one charge at a time, within a daily cap."""

from __future__ import annotations

from shared.credits.errors import CreditError
from shared.credits.payments.cards import customer_key_of, save_billing_key
from shared.credits.payments.payments import ORDER_NAME, Payments
from shared.credits.payments.rules import CHARGE_LEASE
from shared.credits.payments.sealing import open_card, seal_card
from shared.credits.payments.store import insert_order
from shared.credits.topups.store import Due, decide_due_charge
from shared.platform.clock import Clock, day_of, first_moment
from shared.platform.crypto import Keys
from shared.platform.database import Database
from shared.platform.ids import new_id
from shared.platform.logs import log
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
        """Charge one tenant after another, for as long as one is due. Gives how many were charged."""
        charged = 0
        while (due := await self._begin()) is not None:
            try:
                charged += await self._charge(due)
            except Exception:  # whatever one tenant's charge meets is nobody else's matter; reconciling decides it
                fields = {"tenant": due.tenant, "order": due.order}
                log("topups").exception("a charge is left to reconciling", extra={"fields": fields})
        return charged

    async def _begin(self) -> Due | None:
        """Take a tenant whose credit is low, and write its order before any money moves."""
        now = self._clock.now()
        async with self._database.transaction() as connection:
            due = await decide_due_charge(
                connection,
                order=f"auto_{new_id(now).hex}",
                now=now,
                since=first_moment(day_of(now)),
                lease_until=now + CHARGE_LEASE,
            )
            if due is not None:
                await insert_order(connection, due.tenant, due.order, due.amount, "automatic_topup", "confirming", now)
        return due

    async def _charge(self, due: Due) -> bool:
        try:
            billing_key = open_card(self._keys, due.tenant, due.billing_key)
        except CreditError as unreadable:
            await self._payments.fail(due.order, unreadable.code, unreadable.detail)
            return False
        try:
            payment = await self._toss.charge(
                billing_key,
                customer_key=due.customer_key,
                order_id=due.order,
                order_name=ORDER_NAME,
                amount=int(due.amount),
                idempotency_key=due.order,
            )
            await self._payments.settle(payment)
        except ProviderRefused as refused:
            await self._payments.fail(due.order, refused.code, refused.detail)
            return False
        except (ProviderError, CreditError) as error:
            # The order stays `confirming`; reconciling asks Toss by its id.
            log("topups").warning("undecided: %s", error, extra={"fields": {"tenant": due.tenant, "order": due.order}})
            return False
        return True

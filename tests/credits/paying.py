"""Payments over a real Postgres and the simulated Toss."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, TypeVar

import httpx

from shared.credits.ledger.audit import audit
from shared.credits.ledger.store import Account, read_accounts
from shared.credits.payments.calls.looking import AGAIN_AFTER, LookUps
from shared.credits.payments.calls.webhooks import PaymentCalls
from shared.credits.payments.payments import Payments
from shared.credits.plans.outcomes import PlanPurpose
from shared.credits.topups.automatic import AutomaticTopUps
from shared.credits.topups.outcomes import AutomaticTopUpPurpose
from shared.platform.database import Database
from shared.providers.toss import TIMEOUT_SECONDS, Toss
from shared.tenants.store import save_tenant
from tests.databases import Migrated
from tests.simulator.toss.shop import Shop
from tests.tls import NO_TLS
from tests.world import KEYS, World

TENANT = "saas"
PURPOSES = (AutomaticTopUpPurpose(), PlanPurpose())


class Till(World):
    """A tenant that pays, and all that takes its money.

    Args:
        migrated: the database.
        shop: the merchant at the simulated Toss.
        toss: the product's client of it.
    """

    def __init__(self, migrated: Migrated, shop: Shop, toss: Toss) -> None:
        super().__init__(migrated)
        self.pool = self.owner
        self.shop = shop
        self.toss = toss

    @property
    def payments(self) -> Payments:
        """As people have it, who pay and give back: the owner's programs ask for them."""
        return self._payments(self.pool)

    @property
    def sweeping(self) -> Payments:
        """As the sweeps have it."""
        return self._payments(self.as_role("allim_sweeper"))

    def _payments(self, pool: Database) -> Payments:
        return Payments(pool, self.toss, self.clock, PURPOSES)

    async def told(self, body: bytes) -> None:
        """Toss, or somebody else, calls; and what was said is looked after."""
        self.clock.advance(AGAIN_AFTER.total_seconds())
        await PaymentCalls(self.as_role("allim_payment_calls"), self.clock).receive(body)
        await LookUps(self.as_role("allim_sweeper"), self.toss, self.sweeping, self.clock).run()

    @property
    def automatic(self) -> AutomaticTopUps:
        """As people have it, who register cards."""
        return AutomaticTopUps(self.pool, self.toss, self.payments, KEYS, self.clock)

    @property
    def charging(self) -> AutomaticTopUps:
        """As the sweeps have it."""
        return AutomaticTopUps(self.as_role("allim_sweeper"), self.toss, self.sweeping, KEYS, self.clock)

    async def ordered(self, amount: int = 10_000, **more: Any) -> tuple[str, str]:
        """An order that the customer has authorised: its id and its payment key."""
        order = await self.payments.create_order(TENANT, amount)
        return order.id, await self.shop.authenticate(order.id, amount, **more)

    async def paid(self, amount: int = 10_000) -> str:
        """An order that was paid by card."""
        order_id, payment_key = await self.ordered(amount)
        await self.payments.confirm(TENANT, order_id, payment_key, amount)
        return order_id

    async def account(self) -> Account:
        async with self.owner.connection() as connection:
            return (await read_accounts(connection, TENANT))[0]

    async def balance(self) -> Decimal:
        return (await self.account()).balance

    def spend(self, amount: int) -> None:
        """Let credit be used for something."""
        self.rows(
            "insert into ledger_entries (tenant, id, kind, balance_change, key, created_at)"
            " values (%s, gen_random_uuid(), 'capture', -%s, gen_random_uuid()::text, %s)",
            TENANT,
            amount,
            self.clock.now(),
        )

    def alerts(self) -> list[str]:
        return [row["kind"] for row in self.rows("select kind from alerts where resolved_at = 'infinity'")]

    async def difference(self) -> Decimal:
        return (await audit(self.owner)).difference


AnyTill = TypeVar("AnyTill", bound=Till)


@asynccontextmanager
async def open_till(kind: type[AnyTill], database: Migrated, simulator_url: str) -> AsyncIterator[AnyTill]:
    """A till at a new merchant of the simulator, for a new tenant with an empty account."""
    async with Shop.at(simulator_url) as shop, httpx.AsyncClient(timeout=TIMEOUT_SECONDS, verify=NO_TLS) as client:
        till = kind(database, shop, Toss(simulator_url, shop.secret_key, client))
        async with till.owner.transaction() as connection:
            await save_tenant(connection, TENANT, "SaaS", now=till.clock.now())
        yield till
        await shop.faults()
        await till.close()

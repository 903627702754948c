"""Payments over a real Postgres and the simulated Toss."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx

from shared.credits.ledger.audit import audit
from shared.credits.ledger.store import Account, read_accounts
from shared.credits.payments.payments import Payments
from shared.credits.topups.automatic import AutomaticTopUps
from shared.platform.database import Database as Pool
from shared.platform.database import fetch_all
from shared.providers.toss import TIMEOUT, Toss
from tests.clock import SettableClock
from tests.databases import Migrated
from tests.simulator.toss import Shop
from tests.tls import NO_TLS

KEY = bytes(range(32))
TENANT = "saas"


@dataclass
class Till:
    """A tenant that pays, and all that takes its money. `owner` may look everywhere."""

    owner: Pool
    pool: Pool
    shop: Shop
    toss: Toss
    clock: SettableClock

    @property
    def payments(self) -> Payments:
        return Payments(self.pool, self.toss, self.clock)

    @property
    def automatic(self) -> AutomaticTopUps:
        return AutomaticTopUps(self.pool, self.toss, self.payments, KEY, self.clock)

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

    async def rows(self, statement: str, **parameters: Any) -> list[dict[str, Any]]:
        async with self.owner.connection() as connection:
            return await fetch_all(connection, statement, parameters)

    async def spend(self, amount: int) -> None:
        """Let credit be used for something."""
        await self.rows(
            "insert into ledger_entries (tenant, id, kind, balance_change, key, created_at)"
            " values (%(tenant)s, gen_random_uuid(), 'capture', -%(amount)s, gen_random_uuid()::text, %(now)s)",
            tenant=TENANT,
            amount=amount,
            now=self.clock.now(),
        )

    async def alerts(self) -> list[str]:
        return [row["kind"] for row in await self.rows("select kind from alerts where resolved_at = 'infinity'")]

    async def difference(self) -> Decimal:
        async with self.owner.connection() as connection:
            return Decimal((await audit(connection))["difference"])


@asynccontextmanager
async def open_till(database: Migrated, simulator_url: str) -> AsyncIterator[Till]:
    """A new tenant with an empty account, at a new merchant of the simulator."""
    owner, pool = Pool(database.url, pool_size=1), Pool(database.role_url("allim_payments"), pool_size=8)
    async with Shop.at(simulator_url) as shop, httpx.AsyncClient(timeout=TIMEOUT, verify=NO_TLS) as client:
        till = Till(owner, pool, shop, Toss(simulator_url, shop.secret_key, client), SettableClock())
        await till.rows("insert into tenants (id, name) values (%(tenant)s, 'SaaS')", tenant=TENANT)
        yield till
        await shop.faults()
    await owner.close()
    await pool.close()

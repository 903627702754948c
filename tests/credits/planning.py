"""A tenant with a plan, over a real Postgres and the simulated Toss."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from shared.credits.payments.payments import Payments
from shared.credits.plans.plans import PlanName, Subscription
from shared.credits.plans.store import read_subscriptions
from shared.credits.plans.subscribing import Plans
from shared.platform.clock import SEOUL
from shared.platform.database import Database as Pool
from tests.credits.paying import KEY, PURPOSES, TENANT, Till, open_till
from tests.databases import Migrated

CHARGE = r"POST .*/billing/[^/]+$"


@dataclass
class Office:
    """A till that takes money for plans. People change plans as `allim_payments`, the tick renews as `allim_ticker`."""

    till: Till
    ticker: Pool

    def plans(self, pool: Pool | None = None) -> Plans:
        pool = pool or self.till.pool
        payments = Payments(pool, self.till.toss, self.till.clock, PURPOSES)
        return Plans(pool, self.till.toss, payments, KEY, self.till.clock)

    async def card(self, outcome: str = "ok") -> None:
        """Register a card, or let the card company change its mind about it."""
        card = await self.till.shop.control("card", customerKey=f"tenant_{TENANT}", outcome=outcome)
        await self.till.automatic.register_card(TENANT, card["authKey"])

    async def subscribed(self, plan: PlanName) -> None:
        await self.card()
        await self.plans().change(TENANT, plan)
        self.till.clock.advance(1)

    async def tick(self) -> None:
        """A sweep of the tick: payments first, then plans."""
        await Payments(self.ticker, self.till.toss, self.till.clock, PURPOSES).reconcile()
        await self.plans(self.ticker).renew_due()

    def go_to(self, year: int, month: int, day: int, hour: int = 9) -> None:
        """Set the clock to a time of Seoul, which lies ahead."""
        ahead = dt.datetime(year, month, day, hour, tzinfo=SEOUL) - self.till.clock.now()
        assert ahead >= dt.timedelta(0)
        self.till.clock.advance(ahead.total_seconds())

    async def has(self) -> Subscription:
        async with self.till.owner.connection() as connection:
            return (await read_subscriptions(connection, TENANT))[0]

    async def plan(self) -> str:
        return (await self.has()).plan

    async def money(self) -> tuple[int, int]:
        """What Toss really charged, and what it gave back."""
        told = await self.till.shop.charged()
        assert told["doubles"] in (0, [])
        return told["charged"], told["cancelled"]

    async def history(self) -> list[tuple[str, int]]:
        """What happened, oldest first, and its won. (What happens in one moment has no order.)"""
        rows = await self.till.rows("select reason, amount from plan_history order by created_at, id")
        return [(row["reason"], int(row["amount"])) for row in rows]

    async def orders(self) -> list[str]:
        rows = await self.till.rows("select status::text from payment_orders order by created_at")
        return [row["status"] for row in rows]

    async def faults(self, **plan: Any) -> None:
        await self.till.shop.faults(**plan)


@asynccontextmanager
async def open_office(database: Migrated, simulator_url: str) -> AsyncIterator[Office]:
    """A new tenant, on FREE since the day that the clock shows."""
    ticker = Pool(database.role_url("allim_ticker"), pool_size=4)
    async with open_till(database, simulator_url) as till:
        today = till.clock.now().astimezone(SEOUL).date()
        await till.rows("update tenant_plans set anchor = %(today)s", today=today)
        yield Office(till, ticker)
    await ticker.close()

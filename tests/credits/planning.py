"""A tenant with a plan, over a real Postgres and the simulated Toss."""

from __future__ import annotations

import datetime as dt

from shared.credits.payments.payments import Payments
from shared.credits.plans.plans import PlanName, Subscription
from shared.credits.plans.store import read_subscriptions
from shared.credits.plans.subscribing import Plans
from shared.platform.clock import SEOUL
from shared.platform.database import Database as Pool
from tests.credits.paying import PURPOSES, TENANT, Till
from tests.world import KEYS

CHARGE = r"POST .*/billing/[^/]+$"


class Office(Till):
    """A till that takes money for plans. People change plans as the owner, sweeps renew as `allim_sweeper`."""

    @property
    def sweeper(self) -> Pool:
        return self.as_role("allim_sweeper")

    def plans(self, pool: Pool | None = None) -> Plans:
        pool = pool or self.pool
        payments = Payments(pool, self.toss, self.clock, PURPOSES)
        return Plans(pool, self.toss, payments, KEYS, self.clock)

    async def card(self, outcome: str = "ok") -> None:
        """Register a card, or let the card company change its mind about it."""
        card = await self.shop.control("card", customerKey=f"tenant_{TENANT}", outcome=outcome)
        await self.automatic.register_card(TENANT, card["authKey"])

    async def subscribed(self, plan: PlanName) -> None:
        await self.card()
        await self.plans().change(TENANT, plan)
        self.clock.advance(1)

    async def sweep(self) -> None:
        """A pass of each sweep: payments first, then plans."""
        await self.sweeping.reconcile()
        await self.plans(self.sweeper).renew_due()

    def go_to(self, year: int, month: int, day: int, hour: int = 9) -> None:
        """Set the clock to a time of Seoul, which lies ahead."""
        ahead = dt.datetime(year, month, day, hour, tzinfo=SEOUL) - self.clock.now()
        assert ahead >= dt.timedelta(0)
        self.clock.advance(ahead.total_seconds())

    async def has(self) -> Subscription:
        async with self.owner.connection() as connection:
            return (await read_subscriptions(connection, TENANT))[0]

    async def plan(self) -> str:
        return (await self.has()).plan

    async def money(self) -> tuple[int, int]:
        """What Toss really charged, and what it gave back."""
        told = await self.shop.charged()
        assert told["doubles"] in (0, [])
        return told["charged"], told["cancelled"]

    def history(self) -> list[tuple[str, int]]:
        """What happened, oldest first, and its won. (What happens in one moment has no order.)"""
        rows = self.rows("select reason, amount from plan_history order by created_at, id")
        return [(row["reason"], int(row["amount"])) for row in rows]

    def orders(self) -> list[str]:
        rows = self.rows("select status::text from payment_orders order by created_at")
        return [row["status"] for row in rows]

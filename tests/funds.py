"""Credit and plans for the tenants of tests, so that what they send is not stopped for want of them."""

import datetime as dt
from decimal import Decimal

from shared.credits.ledger.ledger import top_up
from shared.credits.plans.outcomes import grant
from shared.credits.plans.plans import PlanName
from shared.platform.database import Connection


async def give_credit(connection: Connection, tenant: str, won: int = 1_000_000_000) -> None:
    """Top up a tenant's account; a second time changes nothing."""
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    await top_up(connection, tenant, Decimal(won), key="given", reference="given", now=now)


async def give_plan(connection: Connection, tenant: str, plan: PlanName = "PRO") -> None:
    """Give a tenant a plan; a second time changes nothing."""
    await grant(connection, tenant, plan, dt.datetime(2026, 11, 1, tzinfo=dt.UTC))

"""Telling tenants that their credit is low: the tick looks at all accounts in one statement."""

from __future__ import annotations

from shared.credits.store import watch_balances
from shared.platform.clock import Clock
from shared.platform.database import Database
from shared.platform.logs import log


async def watch_low_balances(database: Database, clock: Clock) -> None:
    """Alert tenants whose available credit is below what they named, once until it is not."""
    async with database.connection() as connection:
        tenants = await watch_balances(connection, clock.now())
    if tenants:
        log("credits").warning("credit is low", extra={"fields": {"tenants": tenants}})

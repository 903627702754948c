"""A provider says that something became of a template: its account is looked at now, and not when its turn comes."""

from __future__ import annotations

from shared.operations.inspections.looks_store import look_soon
from shared.platform.clock import Clock
from shared.platform.database import Database


class Hastening:
    """Brings looks forward.

    Args:
        database: as whoever takes the provider's call.
        clock: the time.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def look_soon(self, tenant: str, account: str) -> None:
        async with self._database.connection() as connection:
            await look_soon(connection, tenant, account, self._clock.now())

"""Where the channel `inapp` puts its messages."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from shared.inbox.store import keep
from shared.platform.clock import Clock
from shared.platform.database import Database
from shared.providers import OutboundMessage


class Shelf:
    """The inboxes of all customers.

    Args:
        database: has them.
        clock: the time.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def keep(self, tenant: str, messages: Sequence[OutboundMessage]) -> set[UUID]:
        """Put messages into their customers' inboxes, each once. Gives those that are there now."""
        async with self._database.connection() as connection:
            return await keep(connection, tenant, messages, self._clock.now())

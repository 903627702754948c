"""Does the database answer? Anybody may ask, and however many do, it is asked once in a while."""

from __future__ import annotations

import asyncio
import datetime as dt

import psycopg

from shared.platform.clock import Clock
from shared.platform.database.pool import Database
from shared.platform.logs import log

PATIENCE_SECONDS = 5.0
"""Less than who asks from outside waits."""

REMEMBERED = dt.timedelta(seconds=5)
"""For so long an answer holds, either way: strangers who ask a thousand times a second cost one statement."""


class Pulse:
    """Feels the database's pulse, through the pool that the work goes through.

    Args:
        database: whose.
        clock: the time.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._asking: asyncio.Task[bool] | None = None
        self._known: tuple[dt.datetime, bool] | None = None

    async def beats(self) -> bool:
        """Whether it answers, within five seconds. One that froze does not."""
        if self._known is not None and self._clock.now() - self._known[0] < REMEMBERED:
            return self._known[1]
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        asking = self._asking
        done, _ = await asyncio.wait({asking}, timeout=PATIENCE_SECONDS)
        self._known = (self._clock.now(), bool(done) and asking.result())
        return self._known[1]

    async def _ask(self) -> bool:
        try:
            async with self._database.connection() as connection:
                await connection.execute("select 1")
        except psycopg.Error as error:
            log("pulse").warning("the database does not answer: %s", type(error).__name__)
            return False
        return True

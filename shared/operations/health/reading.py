"""Asks the database how it is. A few statements, whatever there is in it."""

from __future__ import annotations

import asyncio
import time

from shared.operations.health.checks import LEFT_BETWEEN, TICKET_PATIENCE, UNDECIDED_AGE, Check, away, checks
from shared.operations.health.figures import Figures
from shared.operations.health.store import read_accounts, read_gauges, read_open_alerts, read_undecided
from shared.platform.clock import Clock
from shared.platform.database import PASSING_ERRORS, Database

AWAY: tuple[type[BaseException], ...] = (*PASSING_ERRORS, TimeoutError)
"""What is raised when the database does not answer."""

PATIENCE_WITH_DATABASE_SECONDS = 8.0
"""Less than who asks for health waits."""


async def examine(database: Database, clock: Clock) -> list[Check]:
    """Each check, now. A database that does not answer is one of them, and then the only one."""
    try:
        async with asyncio.timeout(PATIENCE_WITH_DATABASE_SECONDS):
            return checks(await read_figures(database, clock))
    except AWAY as error:
        return [away(type(error).__name__)]


async def read_figures(database: Database, clock: Clock) -> Figures:
    """What there is to know now. Raises what psycopg raises when the database does not answer."""
    now = clock.now()
    async with database.connection() as connection:
        asked = time.perf_counter()
        await connection.execute("select 1")
        latency = time.perf_counter() - asked
        gauges = await read_gauges(connection, now, patience=TICKET_PATIENCE)
        begin, end = LEFT_BETWEEN
        accounts = await read_accounts(connection, now - begin, now - end)
        undecided = await read_undecided(connection, now - UNDECIDED_AGE)
        open_alerts = await read_open_alerts(connection)
    return Figures(
        now=now,
        latency=latency,
        gauges=gauges,
        accounts=accounts,
        undecided=undecided,
        alerts=open_alerts,
    )

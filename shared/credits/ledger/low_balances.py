"""Telling tenants that their credit is low or short, until it is not: a sweep looks at all accounts at once."""

from __future__ import annotations

import datetime as dt

from shared.credits.ledger.store import decide_ended_shortages, decide_low_balances
from shared.platform.clock import Clock
from shared.platform.database import Database
from shared.platform.logs import log

QUIET = dt.timedelta(minutes=5)
"""No message was refused for so long when a shortage ends: who lives from hand to mouth is told once, not all day."""

NEWEST_MESSAGES = 1_000
"""Of each tenant that is short, looked at to say what its messages cost and when one was refused last."""


async def watch_low_balances(database: Database, clock: Clock) -> None:
    """Alert tenants whose available credit is below what they named, once until it is not.

    A shortage ends here, too, when credit came back otherwise than by a top-up: holds that were given back.
    """
    now = clock.now()
    async with database.connection() as connection:
        tenants = await decide_low_balances(connection, now)
        paying = await decide_ended_shortages(connection, now, quiet_since=now - QUIET, newest=NEWEST_MESSAGES)
    if tenants:
        log("credits").warning("credit is low", extra={"fields": {"tenants": tenants}})
    if paying:
        log("credits").info("credit is not short any more", extra={"fields": {"tenants": paying}})

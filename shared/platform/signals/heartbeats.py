"""Traces of what is at work, for whoever looks whether it still is."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from shared.platform.clock import Clock
from shared.platform.database import Connection, Database

BEAT = """
insert into heartbeats (name, at) values (%(name)s, %(now)s)
on conflict (name) do update set at = excluded.at where heartbeats.at < excluded.at
"""


Name = Literal["tick", "sweeps", "callbacks"]


async def beat(connection: Connection, name: Name, now: dt.datetime) -> None:
    """Say that something works. For the caller to do at most once a minute."""
    await connection.execute(BEAT, {"name": name, "now": now})


async def leave_trace(database: Database, name: Name, clock: Clock) -> None:
    """The same, where nothing else is written at that moment."""
    async with database.connection() as connection:
        await beat(connection, name, clock.now())

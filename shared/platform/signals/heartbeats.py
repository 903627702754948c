"""Traces of what is at work, for whoever looks whether it still is."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from shared.platform.database import Connection

BEAT = """
insert into heartbeats (name, at) values (%(name)s, %(now)s)
on conflict (name) do update set at = excluded.at where heartbeats.at < excluded.at
"""


async def beat(connection: Connection, name: Literal["tick", "callbacks"], now: dt.datetime) -> None:
    """Say that something works. For the caller to do at most once a minute."""
    await connection.execute(BEAT, {"name": name, "now": now})

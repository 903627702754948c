"""How often somebody knocked: SQL. What is too often is decided in the statement that counts, for many do at once."""

from __future__ import annotations

import datetime as dt

from shared.platform.database import Connection, fetch_all

WINDOW = dt.timedelta(hours=1)
GONE_AT_ONCE = 1_000

DECIDE_ADMITTED = """
with over as (
  select door, source, since from door_counts where since < %(since)s
  order by since, door, source limit %(gone_at_once)s for update skip locked
),
gone as (delete from door_counts c using over o where c.door = o.door and c.source = o.source and c.since = o.since),
counted as (
  insert into door_counts as c (door, source, since, number)
  values (%(door)s, %(source)s, %(since)s, %(number)s)
  on conflict (door, source, since) do update set number = c.number + excluded.number
  returning number
)
select greatest(0, least(%(number)s, %(most)s - (number - %(number)s))) as admitted, number - %(number)s as before
from counted
"""


async def decide_admitted(
    connection: Connection, door: str, source: str, number: int, *, most: int, now: dt.datetime
) -> tuple[int, bool]:
    """How much more of what a source brings to a door is taken in this hour. All that it brings is counted.

    Args:
        connection: in autocommit, or the count waits for a transaction's end, and so do others.
        door: what it is brought to.
        source: who brings it.
        number: how much that is.
        most: that is taken in an hour of one source.
        now: the moment.

    Returns:
        How much of `number` is taken, and whether it is the first time in this hour that something is not.
    """
    since = now.replace(minute=0, second=0, microsecond=0)
    parameters = {
        "door": door,
        "source": source,
        "since": since,
        "number": number,
        "most": most,
        "gone_at_once": GONE_AT_ONCE,
    }
    [row] = await fetch_all(connection, DECIDE_ADMITTED, parameters)
    return row["admitted"], row["before"] <= most < row["before"] + number

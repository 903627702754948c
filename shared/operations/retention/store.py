"""SQL of what leaves. What may leave is decided in the database (migration 0048): these are calls of its functions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from shared.platform.database import Connection, fetch_all


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a partition that is due: `dropped`, `kept`, or why it stays."""

    part: str
    fate: str


@dataclass(frozen=True, slots=True)
class Part:
    """A partition: what lies in its table from the day `since` on and before the day `until`; None: no end.

    rows: about so many.
    stays_for: why it does not leave, where it is due and stays.
    """

    name: str
    parent: str
    since: dt.date | None
    until: dt.date | None
    closed_at: dt.datetime | None
    rows: int
    bytes: int
    due: bool
    stays_for: str | None


@dataclass(frozen=True, slots=True)
class Size:
    """Of a table that lies in one piece: about so many `rows`."""

    table: str
    rows: int
    bytes: int


TEND = "select made, closed from tend_months(%(now)s)"


async def tend_months(connection: Connection, now: dt.datetime) -> tuple[int | None, list[str]]:
    """Make the partitions of the next three months, and close what is over.

    Returns:
        How many were made, None where a table is in use for long; and the names of what was closed now.
    """
    [row] = await fetch_all(connection, TEND, {"now": now})
    return row["made"], list(row["closed"])


LET_GO = "select part, fate from let_go(%(parents)s, %(now)s, %(copied)s)"


async def let_go(connection: Connection, parents: Sequence[str], now: dt.datetime, *, copied: bool) -> list[Fate]:
    """The months of some tables, which leave together, leave once they have lived their life; gives what was due.

    Args:
        connection: its own transaction.
        parents: the tables.
        now: the time.
        copied: whether only that leaves for good of which a backup has a copy. It is so wherever one was ever taken.
    """
    rows = await fetch_all(connection, LET_GO, {"parents": list(parents), "now": now, "copied": copied})
    return [Fate(**row) for row in rows]


FORGET = "select gone, more from forget(%(what)s, %(now)s, %(most)s)"


async def forget(connection: Connection, what: str, now: dt.datetime, *, most: int) -> tuple[int, bool]:
    """Delete rows of a table that have lived their life, `most` at most.

    Returns:
        How many went, and whether there may be more.
    """
    [row] = await fetch_all(connection, FORGET, {"what": what, "now": now, "most": most})
    return row["gone"], row["more"]


COUNT_AGED = "select number, more from months.count_aged(%(what)s, %(now)s, %(most)s)"


async def count_aged(connection: Connection, what: str, now: dt.datetime, *, most: int) -> tuple[int, bool]:
    """Of a table's rows those that `forget` would delete, up to `most`; and whether there may be more. As the owner."""
    [row] = await fetch_all(connection, COUNT_AGED, {"what": what, "now": now, "most": most})
    return row["number"], row["more"]


PARTS = """
select p.name, p.parent, p.since, p.until, p.closed_at, greatest(c.reltuples, 0)::bigint as rows,
  pg_total_relation_size(c.oid) as bytes, d.name is not null as due,
  case when d.name is not null then months.stays_for(p.name, %(now)s, %(copied)s) end as stays_for
from partitions p join pg_class c on c.relname = p.name and c.relnamespace = 'months'::regnamespace
left join months.due(%(parents)s, months.month_of(%(now)s)) d on d.name = p.name
order by p.parent, p.until nulls last
"""


async def read_parts(connection: Connection, parents: Sequence[str], now: dt.datetime, *, copied: bool) -> list[Part]:
    """The partitions of some tables at a moment, as the owner of the database sees them. `copied`: as of `let_go`."""
    parameters = {"parents": list(parents), "now": now, "copied": copied}
    return [Part(**row) for row in await fetch_all(connection, PARTS, parameters)]


SIZES = """
select c.relname::text as table, greatest(c.reltuples, 0)::bigint as rows, pg_total_relation_size(c.oid) as bytes
from pg_class c
where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname !~ '^_?yoyo' order by 1
"""


async def read_sizes(connection: Connection) -> list[Size]:
    """How large each table is that lies in one piece."""
    return [Size(**row) for row in await fetch_all(connection, SIZES, {})]


@dataclass(frozen=True, slots=True)
class Apart:
    """What has left its table and is kept apart.

    left_at: since when. until: it lies before this day. rows: as they were proven; None where nobody proved them.
    """

    name: str
    parent: str
    until: dt.date
    left_at: dt.datetime
    rows: int | None


KEPT = "select name, parent, until, left_at, rows from left_months where dropped_at is null order by name"


async def read_kept(connection: Connection) -> list[Apart]:
    """What has left its table and is kept apart."""
    return [Apart(**row) for row in await fetch_all(connection, KEPT, {})]

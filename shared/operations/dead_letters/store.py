"""SQL of dead letters as an operator sees them. One function a statement; nothing here decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from shared.platform.database import Connection, fetch_all
from shared.platform.signals.dead_letters import dropping


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter without its data, of which `bytes` tells the size. `failures`: how often it was refused."""

    id: UUID
    tenant: str | None
    source: str
    reason: str
    detail: str
    attributes: Mapping[str, str]
    bytes: int
    state: str
    first_at: dt.datetime
    received_at: dt.datetime
    failures: int
    replays: int
    replayed_at: dt.datetime | None
    dropped_at: dt.datetime | None
    dropped_by: str | None
    dropped_why: str | None


_COLUMNS = """id, tenant, source, reason, detail, attributes, length(body) as bytes, state, first_at, received_at,
  failures, replays, replayed_at, dropped_at, dropped_by, dropped_why"""


@dataclass(frozen=True, slots=True)
class Which:
    """Letters to look for: what is None does not matter. `ids`: only these."""

    tenant: str | None = None
    source: str | None = None
    reason: str | None = None
    state: str | None = None
    ids: Sequence[UUID] | None = None


_WHICH = """(%(tenant)s::text is null or tenant = %(tenant)s) and (%(source)s::text is null or source = %(source)s)
  and (%(reason)s::text is null or reason = %(reason)s) and (%(state)s::text is null or state = %(state)s)
  and (%(ids)s::uuid[] is null or id = any(%(ids)s::uuid[]))"""

LETTERS = f"select {_COLUMNS} from dead_letters where {_WHICH} order by received_at desc, id limit %(limit)s"


async def read_letters(connection: Connection, which: Which, limit: int) -> list[Letter]:
    """Letters, the most recently refused first."""
    return [Letter(**row) for row in await fetch_all(connection, LETTERS, _parameters(which, limit=limit))]


COUNT = f"select count(*) as letters from dead_letters where {_WHICH}"


async def count_letters(connection: Connection, which: Which) -> int:
    return int((await fetch_all(connection, COUNT, _parameters(which)))[0]["letters"])


IDS = """
select id from dead_letters where id between %(low)s and %(high)s order by id limit 2
"""


async def ids_between(connection: Connection, low: UUID, high: UUID) -> list[UUID]:
    """Two ids at most within a range, for the beginning of an id that somebody typed."""
    return [row["id"] for row in await fetch_all(connection, IDS, {"low": low, "high": high})]


NEIGHBOURS = """
select
  (select id from dead_letters where id < g.id order by id desc limit 1) as before,
  (select id from dead_letters where id > g.id order by id limit 1) as after
from unnest(%(ids)s::uuid[]) as g (id)
"""


async def neighbours(connection: Connection, ids: Sequence[UUID]) -> list[UUID]:
    """The ids that come right before and after these."""
    rows = await fetch_all(connection, NEIGHBOURS, {"ids": list(ids)})
    return [id_ for row in rows for id_ in (row["before"], row["after"]) if id_ is not None]


BODY = "select body from dead_letters where id = %(id)s"


async def read_body(connection: Connection, letter: UUID) -> bytes:
    return bytes((await fetch_all(connection, BODY, {"id": letter}))[0]["body"])


TAKE = f"""
select id, source, reason, attributes, body from dead_letters
where {_WHICH} and state = 'open' and id > %(after)s
order by id limit %(limit)s
for update skip locked
"""


@dataclass(frozen=True, slots=True)
class OpenLetter:
    """A letter with its data, for publishing it again. `source`: the function that refused it; `body`: as it came."""

    id: UUID
    source: str
    reason: str
    attributes: Mapping[str, str]
    body: bytes


async def take_open(connection: Connection, which: Which, *, after: UUID, limit: int) -> list[OpenLetter]:
    """Open letters behind an id, ours until the transaction ends. Those that somebody else has now are passed over."""
    rows = await fetch_all(connection, TAKE, _parameters(which, after=after, limit=limit))
    return [OpenLetter(**row) for row in rows]


DROP = dropping(_WHICH)


async def drop_letters(connection: Connection, which: Which, *, by: str, why: str, now: dt.datetime) -> list[UUID]:
    """Put letters aside for good; their rows stay. Gives those that were not dropped before."""
    rows = await fetch_all(connection, DROP, _parameters(which, by=by, why=why, now=now))
    return [row["id"] for row in rows]


def _parameters(which: Which, **more: Any) -> dict[str, Any]:
    return {**asdict(which), "ids": None if which.ids is None else list(which.ids), **more}

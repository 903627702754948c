"""What came of events, for people: which workflows heard each, or why it did nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from shared.platform.database import Connection, fetch_all
from shared.workflows.catalog import load_catalogs


@dataclass(frozen=True, slots=True)
class EventView:
    """An event that came in.

    heard_by: the active workflows that listen to its type.
    note: why it did nothing, or not all that it might have; None where there is nothing to say.
    """

    tenant: str
    source: str
    id: str
    type: str
    time: dt.datetime
    received_at: dt.datetime
    heard_by: Sequence[str]
    note: str | None


NEWEST_EVENTS = """
select tenant, source, id, type, time, received_at, note from events
where received_at >= %(since)s
  and (%(tenant)s::text is null or tenant = %(tenant)s) and (%(type)s::text is null or type = %(type)s)
order by received_at desc, tenant, source, id
limit %(limit)s
"""


async def list_events(
    connection: Connection, *, since: dt.datetime, tenant: str | None = None, type_: str | None = None, limit: int
) -> list[EventView]:
    """Events that came in since a moment, newest first.

    Args:
        connection: as role `allim_operator`.
        since: the moment.
        tenant, type_: only these; None for all.
        limit: so many at most.
    """
    parameters = {"since": since, "tenant": tenant, "type": type_, "limit": limit}
    rows = await fetch_all(connection, NEWEST_EVENTS, parameters)
    catalogs = await load_catalogs(connection, sorted({row["tenant"] for row in rows}))
    return [
        EventView(
            heard_by=[version.definition.name for version in catalogs[row["tenant"]].workflows_for(row["type"])], **row
        )
        for row in rows
    ]

"""What came of events, for people: which workflows heard each, or why it did nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from shared.platform.database import Connection
from shared.workflows.catalog import load_catalogs
from shared.workflows.events.store import newest_events


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
    events = await newest_events(connection, since=since, tenant=tenant, type_=type_, limit=limit)
    catalogs = await load_catalogs(connection, sorted({event.tenant for event in events}))
    return [
        EventView(
            tenant=event.tenant,
            source=event.source,
            id=event.id,
            type=event.type,
            time=event.time,
            received_at=event.received_at,
            heard_by=[version.definition.name for version in catalogs[event.tenant].workflows_for(event.type)],
            note=event.note,
        )
        for event in events
    ]

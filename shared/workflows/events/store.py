"""SQL of events. One function a statement; which word about a customer counts is `deciding_newest_words` to say."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.contracts import SubscriptionEvent
from shared.platform.database import Connection, fetch_all
from shared.workflows.planning import EventKey

RECEIVE_EVENTS = """
with given as (
  select e.*, t.revision, t.suspended_at is not null as suspended,
    row_number() over (partition by e.tenant, e.source, e.id order by e.place) = 1 as first
  from unnest(
    %(tenants)s::text[], %(sources)s::text[], %(ids)s::text[], %(types)s::text[], %(times)s::timestamptz[],
    %(data)s::jsonb[]
  ) with ordinality as e (tenant, source, id, type, time, data, place)
  left join tenants t on t.id = e.tenant
),
fresh as (
  insert into events (tenant, source, id, type, time, data, received_at)
  select tenant, source, id, type, time, data, %(now)s from given
  where revision is not null and first
  order by tenant, source, id
  on conflict do nothing
  returning tenant, source, id
)
select g.tenant, g.revision, g.suspended, (f.id is not null and g.first) as fresh
from given g left join fresh f using (tenant, source, id)
order by g.place
"""


@dataclass(frozen=True, slots=True)
class Received:
    """What became of an event. `revision`: its tenant's, None where there is no such tenant. `suspended`: that may not
    send. It is not `fresh` when it was seen before, be it earlier in the same batch."""

    tenant: str
    revision: int | None
    suspended: bool
    fresh: bool


async def receive_events(
    connection: Connection, events: Sequence[SubscriptionEvent], now: dt.datetime
) -> list[Received]:
    """Keep events; in their order, what became of each."""
    rows = await fetch_all(
        connection,
        RECEIVE_EVENTS,
        {
            "tenants": [event.tenant for event in events],
            "sources": [event.source for event in events],
            "ids": [event.id for event in events],
            "types": [event.type for event in events],
            "times": [event.time for event in events],
            "data": [event.data.model_dump_json(exclude_unset=True) for event in events],
            "now": now,
        },
    )
    return [Received(**row) for row in rows]


NOTE_EVENTS = """
update events e set note = n.note
from unnest(%(tenants)s::text[], %(sources)s::text[], %(ids)s::text[], %(notes)s::text[])
  as n (tenant, source, id, note)
where e.tenant = n.tenant and e.source = n.source and e.id = n.id
"""


async def note_events(connection: Connection, notes: Mapping[EventKey, str]) -> None:
    """Say of events that came to nothing why that was."""
    await connection.execute(
        NOTE_EVENTS,
        {
            "tenants": [tenant for tenant, _, _ in notes],
            "sources": [source for _, source, _ in notes],
            "ids": [id_ for _, _, id_ in notes],
            "notes": list(notes.values()),
        },
    )


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it came in. `note` says why it did nothing, or not all that it might have."""

    tenant: str
    source: str
    id: str
    type: str
    time: dt.datetime
    received_at: dt.datetime
    note: str | None


NEWEST_EVENTS = """
select tenant, source, id, type, time, received_at, note from events
where received_at >= %(since)s
  and (%(tenant)s::text is null or tenant = %(tenant)s) and (%(type)s::text is null or type = %(type)s)
order by received_at desc, tenant, source, id
limit %(limit)s
"""


async def newest_events(
    connection: Connection, *, since: dt.datetime, tenant: str | None, type_: str | None, limit: int
) -> list[StoredEvent]:
    """Events that came in since a moment, newest first; of one tenant and type, or of all (None)."""
    parameters = {"since": since, "tenant": tenant, "type": type_, "limit": limit}
    return [StoredEvent(**row) for row in await fetch_all(connection, NEWEST_EVENTS, parameters)]

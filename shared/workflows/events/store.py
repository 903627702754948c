"""SQL of events. One function a statement; nothing here decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from shared.contracts import SubscriptionEvent
from shared.platform.database import Connection, fetch_all
from shared.workflows.planning import EventKey

RECEIVE_EVENTS = """
with given as (
  select e.*, t.revision, row_number() over (partition by e.tenant, e.source, e.id order by e.place) = 1 as first
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
),
people as (
  insert into customers (tenant, id, name, phone, email, company, status, plan, locale, attributes, as_of)
  select distinct on (tenant, c ->> 'id')
    tenant, c ->> 'id', c ->> 'name', c ->> 'phone', c ->> 'email', c ->> 'company', c ->> 'status', c ->> 'plan',
    coalesce(c ->> 'locale', 'ko'), coalesce(c -> 'attributes', '{}'), time
  from (
    select tenant, time, data -> 'customer' as c from given join fresh using (tenant, source, id) where first
  ) as told
  order by tenant, c ->> 'id', time desc
  on conflict (tenant, id) do update
  set name = excluded.name, phone = excluded.phone, email = excluded.email, company = excluded.company,
      status = excluded.status, plan = excluded.plan, locale = excluded.locale, attributes = excluded.attributes,
      as_of = excluded.as_of
  where customers.as_of < excluded.as_of
)
select g.tenant, g.revision, (f.id is not null and g.first) as fresh
from given g left join fresh f using (tenant, source, id)
order by g.place
"""


async def receive_events(
    connection: Connection, events: Sequence[SubscriptionEvent], now: dt.datetime
) -> list[dict[str, Any]]:
    """Keep events and the customers they tell of. Gives for each: its tenant's revision (None: there is no such tenant)
    and whether it is fresh, which an event is not that was seen before, be it earlier in the same batch."""
    return await fetch_all(
        connection,
        RECEIVE_EVENTS,
        {
            "tenants": [event.tenant for event in events],
            "sources": [event.source for event in events],
            "ids": [event.id for event in events],
            "types": [event.type for event in events],
            "times": [event.time for event in events],
            "data": [event.data.model_dump_json() for event in events],
            "now": now,
        },
    )


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

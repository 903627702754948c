"""SQL of events, runs and timers. One function a statement; nothing here decides."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import to_json

from shared.contracts import SubscriptionEvent
from shared.platform.database import Connection, fetch_all
from shared.workflows.planning import EventKey, Person, Plan, RunKey, Timer
from shared.workflows.runs import Run

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


LOCK_RUNS = """
select pg_advisory_xact_lock(hash) from (
  select distinct hashtextextended(tenant || '/' || workflow || '/' || key, 0) as hash
  from unnest(%(tenants)s::text[], %(workflows)s::text[], %(keys)s::text[]) as k (tenant, workflow, key)
  order by hash
) as hashes
"""

RUNS = """
select r.* from runs r
join (select distinct * from unnest(%(tenants)s::text[], %(workflows)s::text[], %(keys)s::text[]))
  as k (tenant, workflow, key) using (tenant, workflow, key)
"""


def _key_columns(keys: Sequence[RunKey]) -> dict[str, Any]:
    return {
        "tenants": [tenant for tenant, _, _ in keys],
        "workflows": [workflow for _, workflow, _ in keys],
        "keys": [key for _, _, key in keys],
    }


async def lock_runs(connection: Connection, keys: Sequence[RunKey]) -> None:
    """Let nobody else decide on these runs until the transaction ends; also on those that have no row yet."""
    await fetch_all(connection, LOCK_RUNS, _key_columns(keys))


async def read_runs(connection: Connection, keys: Sequence[RunKey]) -> dict[RunKey, Run]:
    """The runs that exist, of those named."""
    rows = await fetch_all(connection, RUNS, _key_columns(keys))
    return {(row["tenant"], row["workflow"], row["key"]): run_of(row) for row in rows}


def run_of(row: Mapping[str, Any]) -> Run:
    return Run(**{name: row[name] for name in Run.__slots__})


FELLOWS = """
select distinct asked.tenant, asked.customer as of, to_jsonb(c) - 'tenant' - 'as_of' as person
from (select distinct * from unnest(%(tenants)s::text[], %(customers)s::text[])) as asked (tenant, customer)
join group_members mine on mine.tenant = asked.tenant and mine.customer = asked.customer
join group_members theirs on theirs.tenant = mine.tenant and theirs.group_id = mine.group_id
join customers c on c.tenant = theirs.tenant and c.id = theirs.customer
where theirs.customer <> asked.customer
order by asked.tenant, asked.customer, person
"""


async def read_fellows(
    connection: Connection, customers: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], list[Person]]:
    """By tenant and customer: the other members of the customer's groups."""
    parameters = {"tenants": [tenant for tenant, _ in customers], "customers": [id_ for _, id_ in customers]}
    fellows: dict[tuple[str, str], list[Person]] = defaultdict(list)
    for row in await fetch_all(connection, FELLOWS, parameters):
        fellows[row["tenant"], row["of"]].append(row["person"])
    return fellows


SAVE_RUNS = """
with saved as (
  insert into runs (
    tenant, workflow, key, version, customer, anchor_at, anchored_as_of, started_as_of, stopped_as_of, facts, data,
    event_source, event_id, revision, updated_at
  )
  select r.*, %(now)s from unnest(
    %(tenants)s::text[], %(workflows)s::text[], %(keys)s::text[], %(versions)s::int[], %(customers)s::text[],
    %(anchor_at)s::timestamptz[], %(anchored_as_of)s::timestamptz[], %(started_as_of)s::timestamptz[],
    %(stopped_as_of)s::timestamptz[], %(facts)s::jsonb[], %(data)s::jsonb[], %(event_sources)s::text[],
    %(event_ids)s::text[], %(revisions)s::int[]
  ) as r
  on conflict (tenant, workflow, key) do update
  set version = excluded.version, customer = excluded.customer, anchor_at = excluded.anchor_at,
      anchored_as_of = excluded.anchored_as_of, started_as_of = excluded.started_as_of,
      stopped_as_of = excluded.stopped_as_of, facts = excluded.facts, data = excluded.data,
      event_source = excluded.event_source, event_id = excluded.event_id, revision = excluded.revision,
      updated_at = excluded.updated_at
),
silenced as (
  delete from timers t
  using unnest(%(retimed_tenants)s::text[], %(retimed_workflows)s::text[], %(retimed_keys)s::text[])
    as k (tenant, workflow, key)
  where t.tenant = k.tenant and t.workflow = k.workflow and t.key = k.key
    and not (t.tenant, t.workflow, t.key, t.step) in (
      select * from unnest(
        %(timer_tenants)s::text[], %(timer_workflows)s::text[], %(timer_keys)s::text[], %(steps)s::int[]
      )
    )
)
insert into timers (tenant, workflow, key, step, due_at)
select * from unnest(
  %(timer_tenants)s::text[], %(timer_workflows)s::text[], %(timer_keys)s::text[], %(steps)s::int[],
  %(due_at)s::timestamptz[]
)
on conflict (tenant, workflow, key, step) do update set due_at = excluded.due_at
"""


async def save_runs(connection: Connection, plan: Plan, now: dt.datetime) -> None:
    """Write the plan's runs, and put its timers in the place of those that its retimed runs had."""
    runs, timers = list(plan.runs.values()), list(plan.timers.values())
    retimed = sorted(plan.retimed)
    await connection.execute(
        SAVE_RUNS,
        {
            "now": now,
            **_key_columns([(run.tenant, run.workflow, run.key) for run in runs]),
            "versions": [run.version for run in runs],
            "customers": [run.customer for run in runs],
            "anchor_at": [run.anchor_at for run in runs],
            "anchored_as_of": [run.anchored_as_of for run in runs],
            "started_as_of": [run.started_as_of for run in runs],
            "stopped_as_of": [run.stopped_as_of for run in runs],
            "facts": [to_json(run.facts).decode() for run in runs],
            "data": [to_json(run.data).decode() for run in runs],
            "event_sources": [run.event_source for run in runs],
            "event_ids": [run.event_id for run in runs],
            "revisions": [run.revision for run in runs],
            **{f"retimed_{name}": values for name, values in _key_columns(retimed).items()},
            **{
                f"timer_{name}": values
                for name, values in _key_columns([(t.tenant, t.workflow, t.key) for t in timers]).items()
            },
            "steps": [timer.step for timer in timers],
            "due_at": [timer.due_at for timer in timers],
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


ACTIVE_WORKFLOWS = """
select v.tenant, v.name, v.version, v.definition
from workflows w join workflow_versions v on v.tenant = w.tenant and v.name = w.name and v.version = w.active_version
where w.active and w.tenant = any(%(tenants)s)
order by v.tenant, v.name
"""


async def active_workflows(connection: Connection, tenants: Sequence[str]) -> list[dict[str, Any]]:
    """The active version of every active workflow of some tenants."""
    return await fetch_all(connection, ACTIVE_WORKFLOWS, {"tenants": list(tenants)})


WORKFLOW_VERSIONS = """
select v.tenant, v.name, v.version, v.definition
from (select distinct * from unnest(%(tenants)s::text[], %(names)s::text[], %(versions)s::int[]))
  as w (tenant, name, version)
join workflow_versions v using (tenant, name, version)
"""


async def workflow_versions(connection: Connection, wanted: Sequence[tuple[str, str, int]]) -> list[dict[str, Any]]:
    """Named versions of workflows."""
    parameters = {
        "tenants": [tenant for tenant, _, _ in wanted],
        "names": [name for _, name, _ in wanted],
        "versions": [version for _, _, version in wanted],
    }
    return await fetch_all(connection, WORKFLOW_VERSIONS, parameters)


TAKE_DUE_TIMERS = """
with due as (
  select tenant, workflow, key, step from timers
  where due_at <= %(now)s and tenant <> all(%(without)s::text[])
  order by due_at
  limit %(limit)s
  for update skip locked
),
taken as (
  delete from timers t using due d
  where t.tenant = d.tenant and t.workflow = d.workflow and t.key = d.key and t.step = d.step
  returning t.*
)
select t.step, t.due_at, n.revision as tenant_revision, r.*, to_jsonb(c) - 'tenant' - 'as_of' as person
from taken t
join runs r using (tenant, workflow, key)
join tenants n on n.id = t.tenant
left join customers c on c.tenant = r.tenant and c.id = r.customer
"""


async def take_due_timers(
    connection: Connection, now: dt.datetime, limit: int, *, without: Sequence[str]
) -> list[dict[str, Any]]:
    """Take what is due, oldest first, with its run and customer. What is taken is gone when the transaction commits;
    whoever takes at the same time takes other rows. The steps of the tenants `without` stay."""
    return await fetch_all(connection, TAKE_DUE_TIMERS, {"now": now, "limit": limit, "without": list(without)})


NEXT_DUE = "select min(due_at) as due_at from timers where tenant <> all(%(without)s::text[])"


async def next_due(connection: Connection, *, without: Sequence[str]) -> dt.datetime | None:
    """When the next step of any tenant but those `without` is due."""
    due_at: dt.datetime | None = (await fetch_all(connection, NEXT_DUE, {"without": list(without)}))[0]["due_at"]
    return due_at


def timer_of(row: Mapping[str, Any]) -> Timer:
    return Timer(row["tenant"], row["workflow"], row["key"], row["step"], row["due_at"])

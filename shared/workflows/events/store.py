"""SQL of events, of what they came to, and of the runs that they change. One function a statement."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic_core import to_json

from shared.contracts.events import FUTURE_TOLERANCE, SubscriptionEvent
from shared.customers.knowing import Saying
from shared.platform.clock import month_of
from shared.platform.database import Connection, fetch_all
from shared.platform.ids import first_id, last_id
from shared.workflows.events.fingerprints import fingerprint
from shared.workflows.planning import EventKey, Plan
from shared.workflows.store import key_columns

_A_MONTH = dt.timedelta(days=31)

RECEIVE_EVENTS_AND_DECIDE_FRESH = """
with given as (
  select e.*, t.revision, t.suspended_at is not null as suspended,
    row_number() over (partition by e.tenant, e.source, e.id order by e.place) = 1 as first
  from unnest(
    %(given_tenants)s::text[], %(given_sources)s::text[], %(given_ids)s::text[], %(given_types)s::text[],
    %(given_times)s::timestamptz[], %(given_data)s::jsonb[], %(fingerprints)s::bytea[], %(months)s::date[]
  ) with ordinality as e (tenant, source, id, type, time, data, fingerprint, month, place)
  left join tenants t on t.id = e.tenant
),
-- An event lies in the month of its time. One that comes again with another time may lie in a month beside.
seen as (
  select g.tenant, g.source, g.id, e.fingerprint
  from given g
  cross join lateral (
    select fingerprint from events
    where tenant = g.tenant and source = g.source and id = g.id and month between %(first_month)s and %(last_month)s
    order by month limit 1
  ) e
  where g.first
),
kept as (
  insert into events (tenant, source, id, type, time, data, fingerprint, received_at, month)
  select tenant, source, id, type, time, data, fingerprint, %(now)s, month from given
  where revision is not null and first and (tenant, source, id) not in (select tenant, source, id from seen)
  order by tenant, source, id
  on conflict (tenant, source, id, month) do nothing
  returning tenant, source, id, fingerprint
)
select g.tenant, g.revision, g.suspended, k.id is not null and g.first as fresh,
  coalesce(k.fingerprint <> g.fingerprint or s.fingerprint <> g.fingerprint, false) as conflicting,
  g.revision is not null and k.id is null and s.id is null as missed
from given g left join kept k using (tenant, source, id) left join seen s using (tenant, source, id)
order by g.place
"""


class Received(NamedTuple):
    """What became of an event. `revision`: its tenant's, None where there is no such tenant. `suspended`: that may not
    send. It is not `fresh` when one of its id was seen before, be it earlier in the same batch; `conflicting` when that
    one said something else."""

    tenant: str
    revision: int | None
    suspended: bool
    fresh: bool
    conflicting: bool


def given_columns(events: Sequence[SubscriptionEvent], now: dt.datetime) -> dict[str, Any]:
    """Events as the parameters of a statement that keeps them, with the months in which they may lie already
    (`first_month` to `last_month`)."""
    months = [month_of(event.time_utc) for event in events]
    return {
        "given_tenants": [event.tenant for event in events],
        "given_sources": [event.source for event in events],
        "given_ids": [event.id for event in events],
        "given_types": [event.type for event in events],
        "given_times": [event.time_utc for event in events],
        "given_data": [event.data.model_dump_json(exclude_unset=True) for event in events],
        "fingerprints": [fingerprint(event) for event in events],
        "months": months,
        "first_month": min(months, default=now.date()) - _A_MONTH,
        "last_month": max(months, default=now.date()) + _A_MONTH,
    }


async def receive_events_and_decide_fresh(
    connection: Connection, events: Sequence[SubscriptionEvent], now: dt.datetime
) -> list[Received]:
    """Keep events; in their order, what became of each. One is known again by its id while it is kept, whenever it
    comes; should it say another time, then only where that is in a month beside its first one."""
    parameters = {**given_columns(events, now), "now": now}
    rows = await fetch_all(connection, RECEIVE_EVENTS_AND_DECIDE_FRESH, parameters)
    # Somebody else kept these in the meantime: they are waited for and not seen by the statement, but by the next.
    missed = [place for place, row in enumerate(rows) if row.pop("missed")]
    received = [Received(**row) for row in rows]
    if missed:
        again = await receive_events_and_decide_fresh(connection, [events[place] for place in missed], now)
        for place, one in zip(missed, again, strict=True):
            received[place] = one
    return received


KEEP_OUTCOMES = """
  update events e set outcomes = o.outcomes
  from unnest(
    %(outcome_tenants)s::text[], %(outcome_sources)s::text[], %(outcome_ids)s::text[], %(outcomes)s::jsonb[]
  ) as o (tenant, source, id, outcomes)
  where e.tenant = o.tenant and e.source = o.source and e.id = o.id
    and e.month between %(first_month)s and %(last_month)s
"""


def _outcome_columns(plan: Plan) -> dict[str, Any]:
    """The parameters of `KEEP_OUTCOMES`, which may be a part of another statement."""
    outcomes = plan.outcomes
    return {
        "first_month": min(plan.months, default=None),
        "last_month": max(plan.months, default=None),
        "outcome_tenants": [tenant for tenant, _, _ in outcomes],
        "outcome_sources": [source for _, source, _ in outcomes],
        "outcome_ids": [id_ for _, _, id_ in outcomes],
        "outcomes": [to_json([one.fields() for one in each]).decode() for each in outcomes.values()],
    }


async def keep_outcomes(connection: Connection, plan: Plan) -> None:
    """Write down what a plan's events came to."""
    await connection.execute(KEEP_OUTCOMES, _outcome_columns(plan))


SAVE_RUNS = f"""
with told as ({KEEP_OUTCOMES}),
saved as (
  insert into runs (
    tenant, workflow, key, version, customer, anchor_at, anchored_as_of, anchored_by, started_as_of, stopped_as_of,
    facts, data, event_source, event_id, revision, updated_at
  )
  select r.*, %(now)s from unnest(
    %(tenants)s::text[], %(workflows)s::text[], %(keys)s::text[], %(versions)s::int[], %(customers)s::text[],
    %(anchor_at)s::timestamptz[], %(anchored_as_of)s::timestamptz[], %(anchored_by)s::text[],
    %(started_as_of)s::timestamptz[], %(stopped_as_of)s::timestamptz[], %(facts)s::jsonb[], %(data)s::jsonb[],
    %(event_sources)s::text[], %(event_ids)s::text[], %(revisions)s::int[]
  ) as r
  on conflict (tenant, workflow, key) do update
  set version = excluded.version, customer = excluded.customer, anchor_at = excluded.anchor_at,
      anchored_as_of = excluded.anchored_as_of, anchored_by = excluded.anchored_by,
      started_as_of = excluded.started_as_of, stopped_as_of = excluded.stopped_as_of,
      facts = excluded.facts, data = excluded.data, event_source = excluded.event_source,
      event_id = excluded.event_id, revision = excluded.revision,
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
    """Write the plan's runs and what its events came to, and put its timers in the place of those that its retimed runs
    had."""
    runs, timers = list(plan.runs.values()), list(plan.timers.values())
    retimed = sorted(plan.retimed)
    await connection.execute(
        SAVE_RUNS,
        {
            "now": now,
            **_outcome_columns(plan),
            **key_columns([(run.tenant, run.workflow, run.key) for run in runs]),
            "versions": [run.version for run in runs],
            "customers": [run.customer for run in runs],
            "anchor_at": [run.anchor_at for run in runs],
            "anchored_as_of": [run.anchored_as_of for run in runs],
            "anchored_by": [run.anchored_by for run in runs],
            "started_as_of": [run.started_as_of for run in runs],
            "stopped_as_of": [run.stopped_as_of for run in runs],
            "facts": [to_json(run.facts).decode() for run in runs],
            "data": [to_json(run.data).decode() for run in runs],
            "event_sources": [run.event_source for run in runs],
            "event_ids": [run.event_id for run in runs],
            "revisions": [run.revision for run in runs],
            **{f"retimed_{name}": values for name, values in key_columns(retimed).items()},
            **{
                f"timer_{name}": values
                for name, values in key_columns([(t.tenant, t.workflow, t.key) for t in timers]).items()
            },
            "steps": [timer.step for timer in timers],
            "due_at": [timer.due_at for timer in timers],
        },
    )


class StoredEvent(NamedTuple):
    """An event as it came in.

    customer: whom it is about.
    outcomes: what it came to, as `Outcome.fields` has it; empty where its messages tell all, or there are none. None of
        an event that came before this was kept: then `note` may say it.
    """

    tenant: str
    source: str
    id: str
    type: str
    time: dt.datetime
    received_at: dt.datetime
    customer: str
    outcomes: Sequence[Mapping[str, Any]] | None
    note: str | None


_COLUMNS = "tenant, source, id, type, time, received_at, data #>> '{customer,id}' as customer, outcomes, note"
_ASKED = "select id as tenant from tenants where %(tenant)s::text is null or id = %(tenant)s"

# Each tenant's types one after another, by the index that has them in order, and of each the newest.
NEWEST_EVENTS = f"""
with recursive asked as ({_ASKED}),
kinds as (
  select a.tenant, first.type
  from asked a
  cross join lateral (
    select type from events where tenant = a.tenant and (%(type)s::text is null or type = %(type)s)
    order by type limit 1
  ) as first
  union all
  select k.tenant, next.type
  from kinds k
  cross join lateral (select type from events where tenant = k.tenant and type > k.type order by type limit 1) as next
  where %(type)s::text is null
)
select newest.*
from kinds k
cross join lateral (
  select {_COLUMNS} from events
  where tenant = k.tenant and type = k.type and received_at >= %(since)s
  order by received_at desc, source, id limit %(limit)s
) as newest
order by received_at desc, tenant, source, id limit %(limit)s
"""

EVENTS_OF_CUSTOMER = f"""
select newest.*
from ({_ASKED}) as asked
cross join lateral (
  select {_COLUMNS} from events
  where tenant = asked.tenant and data #>> '{{customer,id}}' = %(customer)s and received_at >= %(since)s
    and (%(type)s::text is null or type = %(type)s)
  order by received_at desc, source, id limit %(limit)s
) as newest
order by received_at desc, tenant, source, id limit %(limit)s
"""


async def newest_events(
    connection: Connection,
    *,
    since: dt.datetime,
    tenant: str | None,
    type_: str | None,
    customer: str | None,
    limit: int,
) -> list[StoredEvent]:
    """Events that came in since a moment, newest first; of one tenant, type and customer, or of all (None)."""
    parameters = {"since": since, "tenant": tenant, "type": type_, "customer": customer, "limit": limit}
    statement = NEWEST_EVENTS if customer is None else EVENTS_OF_CUSTOMER
    return [StoredEvent(**row) for row in await fetch_all(connection, statement, parameters)]


# What an event makes at once is due at the event's own time, with which the ids of its messages begin. So few are of a
# moment that each is looked up; a planner that thinks of many would read all that were ever sent.
SPOKEN_AT_ONCE = """
select e.tenant, e.source, e.id, m.workflow, count(*) as messages
from unnest(%(tenants)s::text[], %(sources)s::text[], %(ids)s::text[], %(first)s::uuid[], %(last)s::uuid[])
  as e (tenant, source, id, first, last)
cross join lateral (
  select workflow from messages
  where tenant = e.tenant and id between e.first and e.last and id between %(least)s and %(greatest)s
    and event_source = e.source and event_id = e.id
  offset 0
) m
group by e.tenant, e.source, e.id, m.workflow
order by m.workflow
"""


async def spoken_at_once(
    connection: Connection, events: Sequence[StoredEvent]
) -> dict[EventKey, list[tuple[str, int]]]:
    """By event, the workflows that made messages of it at its very time, and how many."""
    if not events:
        return {}
    first, last = [first_id(event.time) for event in events], [last_id(event.time) for event in events]
    rows = await fetch_all(
        connection,
        SPOKEN_AT_ONCE,
        {
            "tenants": [event.tenant for event in events],
            "sources": [event.source for event in events],
            "ids": [event.id for event in events],
            "first": first,
            "last": last,
            "least": min(first),
            "greatest": max(last),
        },
    )
    spoken: dict[EventKey, list[tuple[str, int]]] = defaultdict(list)
    for row in rows:
        spoken[row["tenant"], row["source"], row["id"]].append((row["workflow"], row["messages"]))
    return spoken


SAYINGS = """
select id, time, data -> 'customer' as told from events
where tenant = %(tenant)s and received_at >= %(since)s and time = any(%(moments)s)
  and data #>> '{customer,id}' = %(customer)s
order by time, source, id
"""


async def read_sayings(
    connection: Connection, tenant: str, customer: str, moments: Sequence[dt.datetime]
) -> list[Saying]:
    """The events that spoke of a customer at some moments. None came earlier than it may be ahead of the clock."""
    if not moments:
        return []
    parameters = {
        "tenant": tenant,
        "customer": customer,
        "moments": list(moments),
        "since": min(moments) - FUTURE_TOLERANCE,
    }
    return [Saying(**row) for row in await fetch_all(connection, SAYINGS, parameters)]

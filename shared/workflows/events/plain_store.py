"""SQL of plain events: all that they come to, written by the statement that finds whether they are new."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pydantic_core import to_json

from shared.contracts.events import SubscriptionEvent
from shared.contracts.tickets import SendTicket
from shared.customers.store import WORDS, deciding_newest_words, word_columns
from shared.customers.words import Telling
from shared.messages.composing import NewMessage
from shared.messages.store import (
    GIVEN_MESSAGES,
    message_columns,
    ticket_columns,
    writing_messages,
    writing_tickets_for,
)
from shared.platform.database import Connection, fetch_all
from shared.workflows.events.store import given_columns
from shared.workflows.outcomes import Outcome

TAKE_PLAIN_EVENTS_AND_DECIDE_FRESH = f"""
with given as (
  select e.*, t.revision, coalesce(t.revision = e.planned_by and t.suspended_at is null, false) as holds
  from unnest(
    %(given_tenants)s::text[], %(given_sources)s::text[], %(given_ids)s::text[], %(given_types)s::text[],
    %(given_times)s::timestamptz[], %(given_data)s::jsonb[], %(fingerprints)s::bytea[], %(months)s::date[],
    %(outcomes)s::jsonb[], %(given_customers)s::text[], %(planned_by)s::bigint[]
  ) with ordinality
    as e (tenant, source, id, type, time, data, fingerprint, month, outcomes, customer, planned_by, place)
  left join tenants t on t.id = e.tenant
),
-- As where all events are received: one that comes again with another time may lie in a month beside.
seen as (
  select g.place, e.fingerprint
  from given g
  cross join lateral (
    select fingerprint from events
    where tenant = g.tenant and source = g.source and id = g.id and month between %(first_month)s and %(last_month)s
    order by month limit 1
  ) e
),
kept as (
  insert into events (tenant, source, id, type, time, data, fingerprint, received_at, month, outcomes)
  select tenant, source, id, type, time, data, fingerprint, %(now)s, month, outcomes from given
  where holds and place not in (select place from seen)
  order by tenant, source, id
  on conflict (tenant, source, id, month) do nothing
  returning tenant, source, id
),
fresh as materialized (
  select g.place, g.tenant, g.source, g.id, g.customer from given g join kept using (tenant, source, id)
),
told as (select * from {WORDS} where (tenant, id) in (select tenant, customer from fresh)),
heard as ({deciding_newest_words("told")}),
made as materialized (
  select * from {GIVEN_MESSAGES}
  where (tenant, event_source, event_id) in (select tenant, source, id from fresh)
),
tickets as ({writing_tickets_for("made")}),
spoken as ({writing_messages("made")})
select g.tenant, g.revision, f.place is not null as fresh,
  coalesce(s.fingerprint <> g.fingerprint, false) as conflicting,
  g.revision is not null and f.place is null and s.place is null as open
from given g left join fresh f using (place) left join seen s using (place)
order by g.place
"""


class PlainEvent(NamedTuple):
    """An event with all that it comes to, whatever is known of its customer.

    planned_by: its tenant's revision then.
    telling: what it says of its customer.
    """

    event: SubscriptionEvent
    planned_by: int
    telling: Telling
    outcomes: Sequence[Outcome]


class Taken(NamedTuple):
    """What became of a plain event. `open`: nothing, for it was planned in vain: its tenant has changed or may not
    send, or somebody else keeps it just now. The others are as in `Received`."""

    tenant: str
    revision: int | None
    fresh: bool
    conflicting: bool
    open: bool


async def take_plain_events_and_decide_fresh(
    connection: Connection,
    plain: Sequence[PlainEvent],
    messages: Sequence[NewMessage],
    tickets: Sequence[SendTicket],
    *,
    topics: Mapping[str, str],
    now: dt.datetime,
    publish_at: dt.datetime,
) -> list[Taken]:
    """Keep events that nobody has kept yet, with what they say, their messages and the tickets of these.

    Args:
        connection: one without a transaction will do.
        plain: no two of one id, and no two about one customer.
        messages: theirs.
        tickets: for those that are queued; what is not made is left out of them.
        topics: by tenant.
        now: the moment.
        publish_at: when the tickets are published by others.

    Returns:
        In their order, what became of each event.
    """
    events = [one.event for one in plain]
    rows = await fetch_all(
        connection,
        TAKE_PLAIN_EVENTS_AND_DECIDE_FRESH,
        {
            "now": now,
            "publish_at": publish_at,
            **given_columns(events, now),
            "outcomes": [_kept(one.outcomes) for one in plain],
            "given_customers": [event.customer.id for event in events],
            "planned_by": [one.planned_by for one in plain],
            **word_columns([one.telling for one in plain]),
            **message_columns(messages),
            **ticket_columns(tickets, topics),
        },
    )
    return [Taken(**row) for row in rows]


def _kept(outcomes: Sequence[Outcome]) -> str:
    return to_json([outcome.fields() for outcome in outcomes]).decode() if outcomes else "[]"

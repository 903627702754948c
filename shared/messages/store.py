"""SQL of messages as they are made, and of the tickets that carry them. Nothing here decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson

from shared.contracts.tickets import SendTicket
from shared.messages.composing import NewMessage
from shared.messages.reasons import RUN_CHANGED
from shared.messages.routing import Route
from shared.platform.database import Connection, fetch_all
from shared.platform.database.keys import is_one
from shared.platform.ids import derived_id, months_of

WRITE_TICKETS = """
  insert into outbox (tenant, id, topic, body, publish_at, created_at)
  select tenant, id, topic, body, %(publish_at)s, %(now)s
  from unnest(
    %(ticket_tenants)s::text[], %(ticket_ids)s::uuid[], %(ticket_topics)s::text[], %(ticket_bodies)s::jsonb[]
  ) as t (tenant, id, topic, body)
"""
"""As a part of another statement, with the parameters of `ticket_columns`, `publish_at` and `now`."""


def writing_tickets_for(made: str) -> str:
    """As `WRITE_TICKETS`, each ticket with those of its messages alone that `made` has, a relation with the columns
    `tenant` and `id`; one of which it has none is not written."""
    return f"""
  insert into outbox (tenant, id, topic, body, publish_at, created_at)
  select t.tenant, t.id, t.topic, jsonb_set(t.body, '{{messages}}', m.ids), %(publish_at)s, %(now)s
  from unnest(
    %(ticket_tenants)s::text[], %(ticket_ids)s::uuid[], %(ticket_topics)s::text[], %(ticket_bodies)s::jsonb[]
  ) as t (tenant, id, topic, body)
  cross join lateral (
    select jsonb_agg(id order by place) as ids
    from jsonb_array_elements_text(t.body -> 'messages') with ordinality as m (id, place)
    where (t.tenant, m.id::uuid) in (select tenant, id from {made})
  ) as m
  where m.ids is not null
"""


def ticket_columns(tickets: Sequence[SendTicket], topics: Mapping[str, str]) -> dict[str, Any]:
    """Tickets as the parameters of `WRITE_TICKETS`; `topics` by tenant."""
    return {
        "ticket_topics": [topics[ticket.tenant] for ticket in tickets],
        "ticket_tenants": [ticket.tenant for ticket in tickets],
        "ticket_ids": [ticket.id for ticket in tickets],
        "ticket_bodies": [ticket.model_dump_json(exclude_none=True) for ticket in tickets],
    }


GIVEN_MESSAGES = """
  unnest(
    %(tenants)s::text[], %(ids)s::uuid[], %(customers)s::text[], %(recipients)s::text[], %(workflows)s::text[],
    %(workflow_versions)s::int[], %(run_keys)s::text[], %(run_revisions)s::int[], %(steps)s::int[],
    %(unless)s::jsonb[], %(event_sources)s::text[], %(event_ids)s::text[], %(templates)s::text[],
    %(template_versions)s::int[],
    %(variables)s::jsonb[], %(routes)s::text[], %(deadlines)s::text[], %(statuses)s::message_status[],
    %(reasons)s::text[], %(details)s::text[], %(due_at)s::timestamptz[], %(expires_at)s::timestamptz[],
    %(may_double)s::bool[]
  ) as m (
    tenant, id, customer, recipient, workflow, workflow_version, run_key, run_revision, step, unless, event_source,
    event_id, template, template_version, variables, route, deadlines, status, reason, detail, due_at, expires_at,
    may_double
  )
"""
"""As a relation in a statement, with the parameters of `message_columns`."""


def writing_messages(source: str) -> str:
    """The statement that inserts messages, as a part of another, with the parameter `now`; one that is already there
    stays as it is. `source`: a relation with the columns of `GIVEN_MESSAGES`."""
    return f"""
  insert into messages (
    tenant, id, customer, recipient, workflow, workflow_version, run_key, run_revision, step, unless, event_source,
    event_id, template, template_version, variables, route, deadlines, channel, status, reason, detail,
    due_at, expires_at, may_double, created_at, updated_at
  )
  select
    tenant, id, customer, recipient, workflow, workflow_version, run_key, run_revision, step,
    array(select jsonb_array_elements_text(unless)), event_source, event_id, template, template_version, variables,
    string_to_array(route, ','), string_to_array(deadlines, ',')::int[],
    split_part(route, ',', 1), status, reason, detail, due_at, expires_at, may_double, %(now)s,
    %(now)s
  from {source}
  on conflict (tenant, id) do nothing
"""


QUEUE_MESSAGES = f"""
with tickets as ({WRITE_TICKETS})
{writing_messages(GIVEN_MESSAGES)}
"""


async def queue_messages(
    connection: Connection,
    messages: Sequence[NewMessage],
    tickets: Sequence[SendTicket],
    *,
    topics: Mapping[str, str],
    now: dt.datetime,
    publish_at: dt.datetime,
) -> None:
    """Insert messages and the tickets that will carry them, each to its tenant's topic. A message that is already there
    stays as it is."""
    await connection.execute(
        QUEUE_MESSAGES,
        {
            "now": now,
            "publish_at": publish_at,
            **ticket_columns(tickets, topics),
            **message_columns(messages),
        },
    )


def message_columns(messages: Sequence[NewMessage]) -> dict[str, Any]:
    """Messages as the parameters of `GIVEN_MESSAGES`."""
    return {
        "tenants": [message.tenant for message in messages],
        "ids": [message.id for message in messages],
        "customers": [message.customer for message in messages],
        "recipients": [message.recipient for message in messages],
        "workflows": [message.origin.workflow for message in messages],
        "workflow_versions": [message.origin.workflow_version for message in messages],
        "run_keys": [message.origin.run_key for message in messages],
        "run_revisions": [message.origin.run_revision for message in messages],
        "steps": [message.origin.step for message in messages],
        "unless": [orjson.dumps(message.origin.unless).decode() for message in messages],
        "event_sources": [message.origin.event_source for message in messages],
        "event_ids": [message.origin.event_id for message in messages],
        "templates": [message.template for message in messages],
        "template_versions": [message.template_version for message in messages],
        "variables": [orjson.dumps(message.variables).decode() for message in messages],
        "routes": [",".join(message.route.channels) for message in messages],
        "deadlines": [",".join(map(str, message.route.deadlines)) for message in messages],
        "statuses": [message.status for message in messages],
        "reasons": [message.reason for message in messages],
        "details": [message.detail for message in messages],
        "due_at": [message.due_at for message in messages],
        "expires_at": [message.expires_at for message in messages],
        "may_double": [message.route.may_double for message in messages],
    }


SUPERSEDED = f"""
select m.tenant, m.id
from unnest(%(tenants)s::text[], %(ids)s::uuid[], %(revisions)s::int[]) as w (tenant, id, revision)
join messages m on m.tenant = w.tenant and m.id = {is_one("w.id")} and m.id between %(first_id)s and %(last_id)s
where m.run_revision < w.revision and (m.status = 'queued' or m.reason = %(run_changed)s)
for no key update of m
"""


async def under_ids_of_their_own(connection: Connection, messages: Sequence[NewMessage]) -> list[NewMessage]:
    """Messages as they are, but for those of runs that came back to a moment: the message of then has the same id, and
    was called off, or will be. They get one that tells them apart.

    Args:
        connection: in the transaction that will queue them; it waits for a claim of the earlier ones.
        messages: of any runs, or of none.
    """
    moved = [message for message in messages if (message.origin.run_revision or 0) > 1]
    if not moved:
        return list(messages)
    rows = await fetch_all(
        connection,
        SUPERSEDED,
        {
            "tenants": [message.tenant for message in moved],
            "ids": [message.id for message in moved],
            **months_of(message.id for message in moved),
            "revisions": [message.origin.run_revision for message in moved],
            "run_changed": RUN_CHANGED,
        },
    )
    superseded = {(row["tenant"], row["id"]) for row in rows}
    return [
        message._replace(id=derived_id(message.due_at, message.id, message.origin.run_revision))
        if (message.tenant, message.id) in superseded
        else message
        for message in messages
    ]


QUEUE_ALIKE = """
with made as (
  insert into messages (
    tenant, id, customer, recipient, run_key, template, template_version, variables, route, deadlines, channel,
    status, reason, detail, due_at, expires_at, created_at, updated_at
  )
  select
    %(tenant)s, id, customer, recipient, %(key)s, %(template)s, %(template_version)s, variables,
    coalesce(string_to_array(route, ','), %(channels)s::text[]),
    coalesce(string_to_array(deadlines, ',')::int[], %(deadlines)s::int[]),
    coalesce(split_part(route, ',', 1), (%(channels)s::text[])[1]), status::message_status, reason, detail,
    %(now)s, %(expires_at)s, %(now)s, %(now)s
  from json_to_recordset(%(messages)s::json)
    as m (
      id uuid, customer text, recipient text, variables jsonb, route text, deadlines text, status text, reason text,
      detail text
    )
  order by id
  on conflict (tenant, id) do nothing
  returning id
)
select
  (select count(*) from made) as number,
  array(select id from made where (select count(*) from made) < %(number)s) as some_of_them
"""


async def queue_alike(connection: Connection, messages: Sequence[NewMessage], *, key: str) -> set[UUID] | None:
    """Insert messages of one tenant, template and moment, which no workflow made; most of them have one route.

    Rows travel as one JSON document: arrays of parameters cost five times the client's time. Ids come back only where
    some were there already, which is rare.

    Args:
        connection: in the tenant's transaction.
        messages: at least one.
        key: of the send that makes them.

    Returns:
        The ids of those that were not there yet; None: none of all was. Whoever is about to make one of them is waited
        for.
    """
    first = messages[0]
    [made] = await fetch_all(
        connection,
        QUEUE_ALIKE,
        {
            "tenant": first.tenant,
            "number": len(messages),
            "key": key,
            "template": first.template,
            "template_version": first.template_version,
            "channels": list(first.route.channels),
            "deadlines": list(first.route.deadlines),
            "now": first.created_at,
            "expires_at": first.expires_at,
            "messages": orjson.dumps(
                [
                    {
                        "id": message.id,
                        "customer": message.customer,
                        "recipient": message.recipient,
                        "variables": message.variables,
                        **_route_of_its_own(message.route, first.route),
                        "status": message.status,
                        "reason": message.reason,
                        "detail": message.detail,
                    }
                    for message in messages
                ]
            ).decode(),
        },
    )
    return None if made["number"] == len(messages) else set(made["some_of_them"])


def _route_of_its_own(route: Route, usual: Route) -> dict[str, str]:
    if route == usual:
        return {}
    return {"route": ",".join(route.channels), "deadlines": ",".join(map(str, route.deadlines))}


QUEUE_TICKETS = """
insert into outbox (tenant, id, topic, body, publish_at, created_at)
select tenant, id, topic, body, %(publish_at)s + %(spacing)s * (place - 1), %(now)s
from unnest(
  %(ticket_tenants)s::text[], %(ticket_ids)s::uuid[], %(ticket_topics)s::text[], %(ticket_bodies)s::jsonb[]
) with ordinality as t (tenant, id, topic, body, place)
"""


async def queue_tickets(
    connection: Connection,
    tickets: Sequence[SendTicket],
    *,
    topics: Mapping[str, str],
    now: dt.datetime,
    publish_at: dt.datetime,
    spacing: dt.timedelta,
) -> None:
    """Insert the tickets of queued messages; the first is published again at `publish_at`, each later by `spacing`."""
    parameters = {"now": now, "publish_at": publish_at, "spacing": spacing}
    await connection.execute(QUEUE_TICKETS, {**parameters, **ticket_columns(tickets, topics)})


HASTEN_TICKETS = """
update outbox set publish_at = %(now)s, held_until = null where tenant = %(tenant)s and publish_at > %(now)s
"""


async def hasten_tickets(connection: Connection, tenant: str, *, now: dt.datetime) -> None:
    """Let the tick publish all that waits of a tenant as soon as it can. A ticket that is on its way comes twice."""
    await connection.execute(HASTEN_TICKETS, {"tenant": tenant, "now": now})

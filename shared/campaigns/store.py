"""SQL of bulk sends, as role `allim_api` inside one tenant. One function a statement; nothing here decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from shared.contracts import SendTicket
from shared.messages.composing import NewMessage
from shared.platform.database import Connection, fetch_all

ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtextextended('bulk/' || %(tenant)s, 0))"


async def wait_for_turn(connection: Connection, tenant: str) -> None:
    """Let no other bulk send of the tenant go on until the transaction ends: two with one key must not cross."""
    await fetch_all(connection, ONE_AT_A_TIME, {"tenant": tenant})


TEMPLATE_TO_SEND = """
select t.id as tenant, v.version, v.content, v.approval
from tenants t
left join templates a on a.tenant = t.id and a.name = %(template)s
left join template_versions v on v.tenant = a.tenant and v.name = a.name and v.version = a.active_version
where t.id = %(tenant)s
"""


async def template_to_send(connection: Connection, tenant: str, template: str) -> dict[str, Any] | None:
    """The active version of a template, its version None where there is none; None where there is no such tenant."""
    rows = await fetch_all(connection, TEMPLATE_TO_SEND, {"tenant": tenant, "template": template})
    return rows[0] if rows else None


SENT_WITH_KEY = """
select id, template from messages where tenant = %(tenant)s and workflow is null and run_key = %(key)s limit 1
"""


@dataclass(frozen=True, slots=True)
class EarlierSend:
    """Some message of a send, and its template."""

    message: UUID
    template: str


async def sent_with_key(connection: Connection, tenant: str, key: str) -> EarlierSend | None:
    """The send that had the key before. (Found by the index `messages_of_run`.)"""
    rows = await fetch_all(connection, SENT_WITH_KEY, {"tenant": tenant, "key": key})
    return EarlierSend(rows[0]["id"], rows[0]["template"]) if rows else None


KNOWN_MESSAGES = "select id from messages where tenant = %(tenant)s and id = any(%(ids)s)"


async def known_messages(connection: Connection, tenant: str, ids: Sequence[UUID]) -> set[UUID]:
    """Those of some messages that exist."""
    rows = await fetch_all(connection, KNOWN_MESSAGES, {"tenant": tenant, "ids": list(ids)})
    return {row["id"] for row in rows}


# A customer of whom the file tells nothing new is not written: that would lock the row until the whole send is
# committed, and events about the customer would wait for it. A blank cell tells nothing.
QUEUE_BULK = """
with given as materialized (
  select * from json_to_recordset(%(customers)s::json)
    as c (id text, name text, phone text, email text, company text, status text, plan text, locale text)
),
told as (
  update customers c
  set name = coalesce(g.name, c.name), phone = coalesce(g.phone, c.phone), email = coalesce(g.email, c.email),
      company = coalesce(g.company, c.company), status = coalesce(g.status, c.status),
      plan = coalesce(g.plan, c.plan), locale = coalesce(g.locale, c.locale), as_of = %(now)s
  from given g
  where c.tenant = %(tenant)s and c.id = g.id and c.as_of < %(now)s
    and (coalesce(g.name, c.name), coalesce(g.phone, c.phone), coalesce(g.email, c.email),
         coalesce(g.company, c.company), coalesce(g.status, c.status), coalesce(g.plan, c.plan),
         coalesce(g.locale, c.locale))
      is distinct from (c.name, c.phone, c.email, c.company, c.status, c.plan, c.locale)
),
made as (
  insert into customers (tenant, id, name, phone, email, company, status, plan, locale, as_of)
  select %(tenant)s, id, name, phone, email, company, status, plan, coalesce(locale, 'ko'), %(now)s from given
  on conflict (tenant, id) do nothing
)
insert into messages (
  tenant, id, customer, recipient, run_key, template, template_version, variables, route, deadlines, channel,
  status, reason, detail, due_at, expires_at, created_at, updated_at
)
select
  %(tenant)s, id, customer, recipient, %(key)s, %(template)s, %(template_version)s, variables, %(channels)s::text[],
  %(deadlines)s::int[], (%(channels)s::text[])[1], status::message_status, reason, detail,
  %(now)s, %(expires_at)s, %(now)s, %(now)s
from json_to_recordset(%(messages)s::json)
  as m (id uuid, customer text, recipient text, variables jsonb, status text, reason text, detail text)
"""


async def queue_bulk(
    connection: Connection,
    customers: Sequence[Mapping[str, str | None]],
    messages: Sequence[NewMessage],
    *,
    key: str | None,
) -> None:
    """Insert messages of one tenant, template, route and moment, and what their file tells of their customers.

    Rows travel as one JSON document: arrays of parameters cost five times the client's time.

    Args:
        connection: in the tenant's transaction.
        customers: with the columns of a customer file; a customer once.
        messages: at least one.
        key: of the send, or None.
    """
    first = messages[0]
    await connection.execute(
        QUEUE_BULK,
        {
            "tenant": first.tenant,
            "key": key,
            "template": first.template,
            "template_version": first.template_version,
            "channels": list(first.route.channels),
            "deadlines": list(first.route.deadlines),
            "now": first.created_at,
            "expires_at": first.expires_at,
            "customers": orjson.dumps(customers).decode(),
            "messages": orjson.dumps(
                [
                    {
                        "id": message.id,
                        "customer": message.customer,
                        "recipient": message.recipient,
                        "variables": message.variables,
                        "status": message.status,
                        "reason": message.reason,
                        "detail": message.detail,
                    }
                    for message in messages
                ]
            ).decode(),
        },
    )


QUEUE_TICKETS = """
insert into outbox (tenant, id, topic, body, publish_at, created_at)
select %(tenant)s, (ticket ->> 'id')::uuid, %(topic)s, ticket,
  %(publish_at)s + %(spacing)s * (place - 1), %(now)s
from json_array_elements(%(tickets)s::json) with ordinality as t (ticket, place)
"""


async def queue_tickets(
    connection: Connection,
    tickets: Sequence[SendTicket],
    *,
    tenant: str,
    topic: str,
    now: dt.datetime,
    publish_at: dt.datetime,
    spacing: dt.timedelta,
) -> None:
    """Insert the tickets of queued messages; the first is published again at `publish_at`, each later by `spacing`."""
    await connection.execute(
        QUEUE_TICKETS,
        {
            "tenant": tenant,
            "topic": topic,
            "now": now,
            "publish_at": publish_at,
            "spacing": spacing,
            "tickets": "[" + ",".join(ticket.model_dump_json() for ticket in tickets) + "]",
        },
    )

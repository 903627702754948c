"""SQL of messages on the way out, until a dispatch has them: queue and claim. Nothing here decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import orjson

from shared.contracts import SendTicket
from shared.messages.composing import NewMessage
from shared.platform.database import Connection

QUEUE_MESSAGES = """
with tickets as (
  insert into outbox (tenant, id, topic, body, publish_at, created_at)
  select tenant, id, %(topic)s, body, %(publish_at)s, %(now)s
  from unnest(%(ticket_tenants)s::text[], %(ticket_ids)s::uuid[], %(ticket_bodies)s::jsonb[]) as t (tenant, id, body)
)
insert into messages (
  tenant, id, customer, recipient, workflow, workflow_version, run_key, run_revision, step, event_source, event_id,
  template, template_version, variables, route, deadlines, channel, status, reason, detail,
  due_at, expires_at, created_at, updated_at
)
select
  tenant, id, customer, recipient, workflow, workflow_version, run_key, run_revision, step, event_source, event_id,
  template, template_version, variables, string_to_array(route, ','), string_to_array(deadlines, ',')::int[],
  split_part(route, ',', 1), status, reason, detail, due_at, expires_at, %(now)s, %(now)s
from unnest(
  %(tenants)s::text[], %(ids)s::uuid[], %(customers)s::text[], %(recipients)s::text[], %(workflows)s::text[],
  %(workflow_versions)s::int[], %(run_keys)s::text[], %(run_revisions)s::int[], %(steps)s::int[],
  %(event_sources)s::text[], %(event_ids)s::text[], %(templates)s::text[], %(template_versions)s::int[],
  %(variables)s::jsonb[], %(routes)s::text[], %(deadlines)s::text[], %(statuses)s::message_status[],
  %(reasons)s::text[], %(details)s::text[], %(due_at)s::timestamptz[], %(expires_at)s::timestamptz[]
) as m (
  tenant, id, customer, recipient, workflow, workflow_version, run_key, run_revision, step, event_source, event_id,
  template, template_version, variables, route, deadlines, status, reason, detail, due_at, expires_at
)
on conflict (tenant, id) do nothing
"""


async def queue_messages(
    connection: Connection,
    messages: Sequence[NewMessage],
    tickets: Sequence[SendTicket],
    *,
    topic: str,
    now: dt.datetime,
    publish_at: dt.datetime,
) -> None:
    """Insert messages and the tickets that will carry them. A message that is already there stays as it is."""
    await connection.execute(
        QUEUE_MESSAGES,
        {
            "topic": topic,
            "now": now,
            "publish_at": publish_at,
            "ticket_tenants": [ticket.tenant for ticket in tickets],
            "ticket_ids": [ticket.id for ticket in tickets],
            "ticket_bodies": [ticket.model_dump_json() for ticket in tickets],
            "tenants": [message.tenant for message in messages],
            "ids": [message.id for message in messages],
            "customers": [message.customer for message in messages],
            "recipients": [message.recipient for message in messages],
            "workflows": [message.origin.workflow for message in messages],
            "workflow_versions": [message.origin.workflow_version for message in messages],
            "run_keys": [message.origin.run_key for message in messages],
            "run_revisions": [message.origin.run_revision for message in messages],
            "steps": [message.origin.step for message in messages],
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
        },
    )

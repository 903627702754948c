"""SQL that reads messages and what became of them, as role `allim_operator`. Nothing here writes or decides."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from shared.platform.database import Connection, fetch_all

_COLUMNS = """
  m.tenant, m.id, m.customer, m.recipient, m.workflow, m.workflow_version, m.run_key, m.run_revision, m.step,
  m.event_source, m.event_id, m.template, m.template_version, m.variables, m.route, m.position, m.attempt, m.channel,
  m.status::text, m.reason, m.detail, m.provider, m.dispatch, m.provider_message_id, m.price, m.held, m.due_at,
  m.expires_at, m.created_at, m.updated_at
"""

TENANT_EXISTS = "select id from tenants where id = %(tenant)s"


async def tenant_exists(connection: Connection, tenant: str) -> bool:
    return bool(await fetch_all(connection, TENANT_EXISTS, {"tenant": tenant}))


# By the primary key from its newer end, which is that of later ids; each tenant's part is one index scan with a limit.
NEWEST_MESSAGES = f"""
select {_COLUMNS}
from (select id from tenants where %(tenant)s::text is null or id = %(tenant)s) as t
cross join lateral (
  select * from (select * from messages where tenant = t.id order by id desc limit %(looked_at)s) as newest
  where (%(status)s::text is null or status = %(status)s::message_status)
    and (%(customer)s::text is null or customer = %(customer)s)
  order by id desc limit %(limit)s
) as m
order by m.id desc limit %(limit)s
"""


async def newest_messages(
    connection: Connection,
    *,
    tenant: str | None,
    status: str | None,
    customer: str | None,
    limit: int,
    looked_at: int,
) -> list[dict[str, Any]]:
    """Messages, newest first.

    Args:
        connection: as a role that sees them.
        tenant, status, customer: only these; None for all.
        limit: so many at most.
        looked_at: of each tenant, only its so many newest are looked at.
    """
    parameters = {"tenant": tenant, "status": status, "customer": customer, "limit": limit, "looked_at": looked_at}
    return await fetch_all(connection, NEWEST_MESSAGES, parameters)


MESSAGES_BETWEEN = """
select m.tenant, m.id from tenants t
cross join lateral (
  select tenant, id from messages where tenant = t.id and id between %(low)s and %(high)s order by id limit %(limit)s
) as m
order by m.id limit %(limit)s
"""


async def messages_between(connection: Connection, low: UUID, high: UUID, limit: int) -> list[tuple[str, UUID]]:
    """Tenant and id of the first few messages whose ids are in a range."""
    rows = await fetch_all(connection, MESSAGES_BETWEEN, {"low": low, "high": high, "limit": limit})
    return [(row["tenant"], row["id"]) for row in rows]


MESSAGE = f"select {_COLUMNS} from messages m where m.tenant = %(tenant)s and m.id = %(id)s"


async def message(connection: Connection, tenant: str, message_id: UUID) -> dict[str, Any]:
    """A message that exists."""
    return (await fetch_all(connection, MESSAGE, {"tenant": tenant, "id": message_id}))[0]


EVENT = """
select type, source, id, time, note, received_at from events
where tenant = %(tenant)s and source = %(source)s and id = %(id)s
"""


async def event(connection: Connection, tenant: str, source: str, event_id: str) -> dict[str, Any] | None:
    rows = await fetch_all(connection, EVENT, {"tenant": tenant, "source": source, "id": event_id})
    return rows[0] if rows else None


WAITING_TICKETS = """
select id, topic, attempts, publish_at, created_at from outbox
where tenant = %(tenant)s and id >= %(since)s and body -> 'messages' ? %(message)s::text
order by id
"""


async def waiting_tickets(connection: Connection, tenant: str, message_id: UUID, since: UUID) -> list[dict[str, Any]]:
    """The message's tickets that nobody has consumed; `since` is before the oldest possible one."""
    return await fetch_all(connection, WAITING_TICKETS, {"tenant": tenant, "message": message_id, "since": since})


DISPATCHES = """
select id, provider, account, state::text, provider_batch_id, error, cardinality(messages) as messages,
  created_at, updated_at
from (
  select * from dispatches
  where tenant = %(tenant)s and id between %(since)s and %(until)s
  order by id limit %(looked_at)s
) as d
where messages @> array[%(message)s::uuid]
order by id
"""


async def dispatches(
    connection: Connection, tenant: str, message_id: UUID, *, since: UUID, until: UUID, looked_at: int
) -> list[dict[str, Any]]:
    """The calls that carried a message.

    Args:
        connection: as a role that sees them.
        tenant, message_id: which message.
        since, until: the range of their ids, which sort by time.
        looked_at: of that range only the first so many.
    """
    parameters = {"tenant": tenant, "message": message_id, "since": since, "until": until, "looked_at": looked_at}
    return await fetch_all(connection, DISPATCHES, parameters)


REPORTS = """
select attempt, channel, provider, provider_message_id, code, outcome, detail, at, received_at from reports
where tenant = %(tenant)s and message = %(message)s
order by attempt, received_at, code
"""


async def reports(connection: Connection, tenant: str, message_id: UUID) -> list[dict[str, Any]]:
    """All that was said of a message."""
    return await fetch_all(connection, REPORTS, {"tenant": tenant, "message": message_id})


ENTRIES = """
select e.id, e.kind::text, e.balance_change, e.hold_change, cardinality(e.messages) as messages, e.created_at
from messages m
join ledger_entries e on e.tenant = m.tenant and e.id in (m.hold, m.settlement)
where m.tenant = %(tenant)s and m.id = %(message)s
order by e.id
"""


async def entries(connection: Connection, tenant: str, message_id: UUID) -> list[dict[str, Any]]:
    """The ledger entries that paid for a message; one entry may cover many."""
    return await fetch_all(connection, ENTRIES, {"tenant": tenant, "message": message_id})

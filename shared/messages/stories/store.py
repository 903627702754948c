"""SQL that reads messages and what became of them, as role `allim_operator`. Nothing here writes or decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from shared.platform.database import Connection, fetch_all

_COLUMNS = """
  m.tenant, m.id, m.customer, m.recipient, m.workflow, m.workflow_version, m.run_key, m.run_revision, m.step,
  m.event_source, m.event_id, m.template, m.template_version, m.variables, m.route, m.position, m.attempt, m.channel,
  m.status::text, m.reason, m.detail, m.provider, m.dispatch, m.provider_message_id, m.price, m.held, m.due_at,
  m.expires_at, m.created_at, m.updated_at
"""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message as it is kept.

    recipient: the number, in full; None where nobody knows one.
    workflow, workflow_version, run_revision, step: what made it; None for a bulk send. `step` counts from 0.
    run_key: the run's, or the bulk send's; None for one of the time when a bulk send could have none.
    event_source, event_id: of the event that it is due to; None where there is none.
    variables: what its template is filled with, by name.
    route: the channels that it may take, in order; `position`: how many of them it has left behind.
    attempt: the running one, from 0; `channel`: the one that this took, or is to take.
    reason, detail: why it is where it is; None where that needs no reason.
    provider, dispatch: of its newest call; None until there is one. `provider_message_id`: what the provider calls it.
    price: won that were charged, None until it is delivered; `held`: won that were held for it, None before.
    """

    tenant: str
    id: UUID
    customer: str
    recipient: str | None
    workflow: str | None
    workflow_version: int | None
    run_key: str | None
    run_revision: int | None
    step: int | None
    event_source: str | None
    event_id: str | None
    template: str
    template_version: int
    variables: Mapping[str, str]
    route: Sequence[str]
    position: int
    attempt: int
    channel: str
    status: str
    reason: str | None
    detail: str | None
    provider: str | None
    dispatch: UUID | None
    provider_message_id: str | None
    price: Decimal | None
    held: Decimal | None
    due_at: dt.datetime
    expires_at: dt.datetime
    created_at: dt.datetime
    updated_at: dt.datetime


# Ids are found first, in indexes that end with them, each tenant's from its newer end; rows are read of what is listed.
NEWEST_MESSAGES = f"""
with asked as (select id as tenant from tenants where %(tenant)s::text is null or id = %(tenant)s),
listed as (
  select a.tenant, found.id
  from asked a
  cross join lateral (
    select id from (
      select id, status from messages
      where tenant = a.tenant and (%(customer)s::text is null or customer = %(customer)s)
      order by id desc limit greatest(%(limit)s, %(looked_at)s / (select count(*) from asked))
    ) as newest
    where %(status)s::text is null or status = %(status)s::message_status
    order by id desc limit %(limit)s
  ) as found
  order by found.id desc limit %(limit)s
)
select {_COLUMNS}
from listed l
cross join lateral (select * from messages where tenant = l.tenant and id = l.id offset 0) as m
order by m.id desc
"""


async def newest_messages(
    connection: Connection,
    *,
    tenant: str | None,
    status: str | None,
    customer: str | None,
    limit: int,
    looked_at: int,
) -> list[StoredMessage]:
    """Messages, newest first.

    Args:
        connection: as a role that sees them.
        tenant, status, customer: only these; None for all.
        limit: so many at most.
        looked_at: to find those of a status only so many are looked at, the newest, of each tenant an equal part; those
            of the customer, if one is asked for.
    """
    parameters = {"tenant": tenant, "status": status, "customer": customer, "limit": limit, "looked_at": looked_at}
    return [StoredMessage(**row) for row in await fetch_all(connection, NEWEST_MESSAGES, parameters)]


# What waits is carried by a ticket, or by a call that is not closed: few rows, whatever has ever been sent.
OPEN_MESSAGES = f"""
with carried as (
  select o.tenant, listed.id::uuid as id
  from outbox o cross join lateral jsonb_array_elements_text(o.body -> 'messages') as listed (id)
  where %(status)s = 'queued'
  union
  select tenant, unnest(messages) from dispatches where %(status)s <> 'queued' and state in ('open', 'prepared')
  union
  select tenant, unnest(messages) from dispatches where %(status)s <> 'queued' and state = 'sent'
)
select {_COLUMNS}
from carried c
cross join lateral (
  select * from messages
  where tenant = c.tenant and id = c.id and status = %(status)s::message_status
    and (%(customer)s::text is null or customer = %(customer)s)
  offset 0
) as m
where %(tenant)s::text is null or c.tenant = %(tenant)s
order by m.id desc limit %(limit)s
"""


async def open_messages(
    connection: Connection, *, tenant: str | None, status: str, customer: str | None, limit: int
) -> list[StoredMessage]:
    """Messages that wait for something, newest first; all of them are looked at.

    Args:
        connection: as a role that sees them, tickets and calls.
        tenant, customer: only these; None for all.
        status: what they wait in: `queued`, `sending`, `sent` or `unknown`.
        limit: so many at most.
    """
    parameters = {"tenant": tenant, "status": status, "customer": customer, "limit": limit}
    return [StoredMessage(**row) for row in await fetch_all(connection, OPEN_MESSAGES, parameters)]


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


NEIGHBOURS = """
select
  (select id from messages where tenant = g.tenant and id < g.id order by id desc limit 1) as before,
  (select id from messages where tenant = g.tenant and id > g.id order by id limit 1) as after
from unnest(%(tenants)s::text[], %(ids)s::uuid[]) as g (tenant, id)
"""


async def neighbours(connection: Connection, messages: Sequence[tuple[str, UUID]]) -> list[UUID]:
    """The ids of their tenants' messages that come right before and after these."""
    parameters = {"tenants": [tenant for tenant, _ in messages], "ids": [id_ for _, id_ in messages]}
    rows = await fetch_all(connection, NEIGHBOURS, parameters)
    return [id_ for row in rows for id_ in (row["before"], row["after"]) if id_ is not None]


MESSAGE = f"select {_COLUMNS} from messages m where m.tenant = %(tenant)s and m.id = %(id)s"


async def message(connection: Connection, tenant: str, message_id: UUID) -> StoredMessage:
    """A message that exists."""
    return StoredMessage(**(await fetch_all(connection, MESSAGE, {"tenant": tenant, "id": message_id}))[0])


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it came in."""

    type: str
    source: str
    id: str
    time: dt.datetime
    received_at: dt.datetime


EVENT = """
select type, source, id, time, received_at from events
where tenant = %(tenant)s and source = %(source)s and id = %(id)s
"""


async def event(connection: Connection, tenant: str, source: str, event_id: str) -> StoredEvent | None:
    """An event by its own names; None where it is not kept any more."""
    rows = await fetch_all(connection, EVENT, {"tenant": tenant, "source": source, "id": event_id})
    return StoredEvent(**rows[0]) if rows else None


@dataclass(frozen=True, slots=True)
class WaitingTicket:
    """A ticket that nobody has consumed. It was published again `attempts` times, and is next at `publish_at`."""

    id: UUID
    topic: str
    attempts: int
    publish_at: dt.datetime
    created_at: dt.datetime


WAITING_TICKETS = """
select id, topic, attempts, publish_at, created_at from outbox
where tenant = %(tenant)s and id >= %(since)s and body -> 'messages' ? %(message)s::text
order by id
"""


async def waiting_tickets(connection: Connection, tenant: str, message_id: UUID, since: UUID) -> list[WaitingTicket]:
    """The message's tickets that nobody has consumed; `since` is before the oldest possible one."""
    parameters = {"tenant": tenant, "message": message_id, "since": since}
    return [WaitingTicket(**row) for row in await fetch_all(connection, WAITING_TICKETS, parameters)]


@dataclass(frozen=True, slots=True)
class StoredDispatch:
    """A call that carried a message.

    provider_batch_id: the provider's name for it; None until it is prepared there.
    error: why it was given up; None where it was not.
    messages: how many it carried.
    """

    id: UUID
    provider: str
    account: str
    state: str
    provider_batch_id: str | None
    error: str | None
    messages: int
    created_at: dt.datetime
    updated_at: dt.datetime


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
) -> list[StoredDispatch]:
    """The calls that carried a message.

    Args:
        connection: as a role that sees them.
        tenant, message_id: which message.
        since, until: the range of their ids, which sort by time.
        looked_at: of that range only the first so many.
    """
    parameters = {"tenant": tenant, "message": message_id, "since": since, "until": until, "looked_at": looked_at}
    return [StoredDispatch(**row) for row in await fetch_all(connection, DISPATCHES, parameters)]


@dataclass(frozen=True, slots=True)
class StoredReport:
    """What a provider said of an attempt.

    channel, provider_message_id, detail, at: None where the provider did not say.
    code: the provider's own, and `outcome` what it means.
    at: when that came to be, as the provider has it; `received_at`: when it was kept.
    """

    attempt: int
    channel: str | None
    provider: str
    provider_message_id: str | None
    code: str
    outcome: str
    detail: str | None
    at: dt.datetime | None
    received_at: dt.datetime


REPORTS = """
select attempt, channel, provider, provider_message_id, code, outcome, detail, at, received_at from reports
where tenant = %(tenant)s and message = %(message)s
order by attempt, received_at, code
"""


async def reports(connection: Connection, tenant: str, message_id: UUID) -> list[StoredReport]:
    """All that was said of a message."""
    parameters = {"tenant": tenant, "message": message_id}
    return [StoredReport(**row) for row in await fetch_all(connection, REPORTS, parameters)]


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """A ledger entry that moved a message's money, in won. `messages`: how many it is for, this one among them."""

    id: UUID
    kind: str
    balance_change: Decimal
    hold_change: Decimal
    messages: int
    created_at: dt.datetime


ENTRIES = """
select e.id, e.kind::text, e.balance_change, e.hold_change, cardinality(e.messages) as messages, e.created_at
from messages m
join ledger_entries e on e.tenant = m.tenant and e.id in (m.hold, m.settlement)
where m.tenant = %(tenant)s and m.id = %(message)s
order by e.id
"""


async def entries(connection: Connection, tenant: str, message_id: UUID) -> list[StoredEntry]:
    """The ledger entries that paid for a message; one entry may cover many."""
    parameters = {"tenant": tenant, "message": message_id}
    return [StoredEntry(**row) for row in await fetch_all(connection, ENTRIES, parameters)]

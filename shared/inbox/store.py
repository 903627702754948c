"""SQL of the inbox and of its copy. One function a statement; nothing here decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from shared.platform.database import Connection, fetch_all
from shared.platform.loops.sweeps import put_off
from shared.providers import OutboundMessage

KEEP = """
with given as (
  select * from unnest(
    %(messages)s::uuid[], %(attempts)s::smallint[], %(customers)s::text[], %(titles)s::text[], %(texts)s::text[],
    %(links)s::text[]
  ) as g (message, attempt, customer, title, text, link)
  where exists (select from customers c where c.tenant = %(tenant)s and c.id = g.customer)
),
kept as (
  insert into inbox as i (tenant, message, attempt, customer, title, text, link, created_at)
  select %(tenant)s, message, attempt, customer, title, text, link, %(now)s from given order by message
  on conflict (tenant, message) do update set attempt = excluded.attempt where i.attempt < excluded.attempt
),
copied as (
  insert into inbox_documents (tenant, message, customer, due_at)
  select %(tenant)s, message, customer, %(now)s from given order by message
  on conflict (tenant, message) do nothing
)
select message from given
"""


async def keep(connection: Connection, tenant: str, messages: Sequence[OutboundMessage], now: dt.datetime) -> set[UUID]:
    """Put messages into their customers' inboxes, and have them copied; one that is there already stays as it is.

    Returns:
        Those that are there now: of a customer who is not known nothing is.
    """
    parameters = {
        "tenant": tenant,
        "messages": [each.message for each in messages],
        "attempts": [each.attempt for each in messages],
        "customers": [each.to for each in messages],
        "titles": [each.subject for each in messages],
        "texts": [each.text for each in messages],
        "links": [each.link for each in messages],
        "now": now,
    }
    return {row["message"] for row in await fetch_all(connection, KEEP, parameters)}


TAKE_DOCUMENTS = f"""
with due as (
  select tenant, message from inbox_documents
  where due_at <= %(now)s and tenant <> all(%(without)s::text[])
  order by due_at limit %(limit)s for update skip locked
),
taken as (
  update inbox_documents d set takes = d.takes + 1, due_at = {put_off("d.takes")}
  from due where d.tenant = due.tenant and d.message = due.message
  returning d.tenant, d.message, d.customer, d.takes
)
select t.tenant, t.message, t.customer, t.takes, i.title, i.text, i.link, i.created_at, i.read_at
from taken t left join inbox i on i.tenant = t.tenant and i.message = t.message
"""


class Document(NamedTuple):
    """A message's copy that is not as the message is.

    takes: which time it was taken, and by that whether something has changed since.
    text: None where the message is gone.
    """

    tenant: str
    message: UUID
    customer: str
    takes: int
    title: str | None
    text: str | None
    link: str | None
    created_at: dt.datetime | None
    read_at: dt.datetime | None


async def take_documents(
    connection: Connection,
    *,
    now: dt.datetime,
    first: dt.timedelta,
    longest: dt.timedelta,
    limit: int,
    without: Sequence[str],
) -> list[Document]:
    """Those that are due longest, but for some tenants'. Each is due again after `first`, and each later time after
    twice as long, `longest` at most, until it is settled."""
    parameters = {"now": now, "first": first, "longest": longest, "limit": limit, "without": list(without)}
    return [Document(**row) for row in await fetch_all(connection, TAKE_DOCUMENTS, parameters)]


SETTLE_DOCUMENTS = """
delete from inbox_documents d
using unnest(%(tenants)s::text[], %(messages)s::uuid[], %(takes)s::int[]) as s (tenant, message, takes)
where d.tenant = s.tenant and d.message = s.message and d.takes = s.takes
"""


async def settle_documents(connection: Connection, documents: Sequence[Document]) -> None:
    """They are as their messages are, unless those have changed since they were taken."""
    parameters = {
        "tenants": [each.tenant for each in documents],
        "messages": [each.message for each in documents],
        "takes": [each.takes for each in documents],
    }
    await connection.execute(SETTLE_DOCUMENTS, parameters)


MARK_READ = """
update inbox i set read_at = coalesce(i.read_at, m.read_at)
from (
  select * from unnest(%(tenants)s::text[], %(messages)s::uuid[], %(moments)s::timestamptz[])
    as m (tenant, message, read_at)
) m
where i.tenant = m.tenant and i.message = m.message
returning i.tenant, i.message, i.attempt, i.read_at
"""


class Mark(NamedTuple):
    """Somebody has read a message. `tenant`, `message`: as whoever says so names it."""

    tenant: str
    message: UUID
    read_at: dt.datetime


class Read(NamedTuple):
    """A message that was read: first when, and at which attempt it came there."""

    tenant: str
    message: UUID
    attempt: int
    read_at: dt.datetime


async def mark_read(connection: Connection, marks: Sequence[Mark]) -> list[Read]:
    """Mark messages as read, each at its first time. Gives those that there are, also where they were read before."""
    parameters = {
        "tenants": [each.tenant for each in marks],
        "messages": [each.message for each in marks],
        "moments": [each.read_at for each in marks],
    }
    return [Read(**row) for row in await fetch_all(connection, MARK_READ, parameters)]


COPY_AGAIN = """
insert into inbox_documents as d (tenant, message, customer, due_at)
select tenant, message, customer, %(now)s from inbox where tenant = %(tenant)s and message = %(message)s
on conflict (tenant, message) do update set takes = d.takes + 1, due_at = excluded.due_at
"""


async def copy_again(connection: Connection, tenant: str, message: UUID, now: dt.datetime) -> None:
    """Have a message copied that has changed here. `connection`: of the database's owner."""
    await connection.execute(COPY_AGAIN, {"tenant": tenant, "message": message, "now": now})


LET_GO = """
delete from inbox where ctid = any(array(
  select ctid from inbox where created_at < %(before)s order by created_at limit %(limit)s for update skip locked
))
returning message
"""


async def let_go(connection: Connection, before: dt.datetime, limit: int) -> int:
    """Take away messages that are older than a moment. Gives how many those were."""
    return len(await fetch_all(connection, LET_GO, {"before": before, "limit": limit}))


SHOWN_TO = """
select message, title, text, link, created_at, read_at from inbox
where tenant = %(tenant)s and customer = %(customer)s
order by created_at desc, message desc limit %(limit)s
"""


class Shown(NamedTuple):
    """A message of an inbox."""

    message: UUID
    title: str | None
    text: str
    link: str | None
    created_at: dt.datetime
    read_at: dt.datetime | None


async def shown_to(connection: Connection, tenant: str, customer: str, limit: int) -> list[Shown]:
    """A customer's inbox, the newest first."""
    rows = await fetch_all(connection, SHOWN_TO, {"tenant": tenant, "customer": customer, "limit": limit})
    return [Shown(**row) for row in rows]


TENANT_OF = "select tenant from inbox where message = %(message)s"


async def tenant_of(connection: Connection, message: UUID) -> str | None:
    """Whose a message is; None where no inbox has it."""
    rows = await fetch_all(connection, TENANT_OF, {"message": message})
    return str(rows[0]["tenant"]) if rows else None

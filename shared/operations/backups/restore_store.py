"""SQL of restoring, and of what must hold in a database at any moment. One function a statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from shared.platform.database import Connection, fetch_all


async def has_rows(connection: Connection, table: str) -> bool:
    cursor = await connection.execute(sql.SQL("select 1 from {} limit 1").format(sql.Identifier(table)))
    return await cursor.fetchone() is not None


async def clear_table(connection: Connection, table: str) -> None:
    await connection.execute(sql.SQL("delete from {}").format(sql.Identifier(table)))


async def set_triggers(connection: Connection, tables: Sequence[str], *, on: bool) -> None:
    """Switch our own triggers on or off, not those of foreign keys. Undone when the transaction fails."""
    how = sql.SQL("enable" if on else "disable")
    for table in tables:
        statement = sql.SQL("alter table {} {} trigger user").format(sql.Identifier(table), how)
        await connection.execute(statement)


async def check_references(connection: Connection) -> None:
    """Have the foreign keys that wait for the end of the transaction look now."""
    await connection.execute("set constraints all immediate")


BROKEN = """
select
  (select count(*) from messages m where not exists (
    select from template_versions v where (v.tenant, v.name, v.version) = (m.tenant, m.template, m.template_version)
  )) as messages_without_words,
  (select count(*) from messages m where m.dispatch is not null and not exists (
    select from dispatches d where (d.tenant, d.id) = (m.tenant, m.dispatch)
  )) as messages_without_their_dispatch,
  (select count(*) from messages m where m.hold is not null and not exists (
    select from ledger_entries e where (e.tenant, e.id) = (m.tenant, m.hold)
  )) as messages_without_their_hold,
  (select count(*) from messages m where m.settlement is not null and not exists (
    select from ledger_entries e where (e.tenant, e.id) = (m.tenant, m.settlement)
  )) as messages_without_their_settlement,
  (select count(*) from messages m where m.status = 'queued' and not exists (
    select from listed where (listed.tenant, listed.id) = (m.tenant, m.id)
  )) as queued_messages_without_a_ticket,
  (select count(*) from messages m where m.status = 'sending' and not exists (
    select from dispatches d where (d.tenant, d.id) = (m.tenant, m.dispatch) and d.state in ('open', 'prepared', 'sent')
  )) as sending_messages_that_nobody_decides,
  (select count(*) from timers t where not exists (
    select from runs r where (r.tenant, r.workflow, r.key) = (t.tenant, t.workflow, t.key)
  )) as timers_without_a_run,
  (select count(*) from reports r where not exists (
    select from messages m where (m.tenant, m.id) = (r.tenant, r.message)
  )) as reports_without_a_message
"""

LISTED = """
with listed as materialized (
  select o.tenant, l.id::uuid as id from outbox o cross join jsonb_array_elements_text(o.body -> 'messages') as l (id)
)
"""


@dataclass(frozen=True, slots=True)
class Broken:
    """How many rows do not belong together, by what is wrong with them: all 0 in a database that is whole."""

    messages_without_words: int
    messages_without_their_dispatch: int
    messages_without_their_hold: int
    messages_without_their_settlement: int
    queued_messages_without_a_ticket: int
    sending_messages_that_nobody_decides: int
    timers_without_a_run: int
    reports_without_a_message: int


async def read_broken(connection: Connection) -> Broken:
    """What does not belong together in a database."""
    return Broken(**(await fetch_all(connection, LISTED + BROKEN, {}))[0])


WAITING = """
select (select count(*) from outbox) as tickets, (select count(*) from timers) as timers,
  (select count(*) from dispatches where state in ('open', 'prepared', 'sent')) as open_dispatches,
  (select count(*) from messages) as messages, (select count(*) from tenants) as tenants
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much there is, and how much of it waits to go on.

    tickets: of the outbox; nobody has consumed them.
    timers: steps that are to come.
    open_dispatches: that are not reported in full.
    messages, tenants: all that there are.
    """

    tickets: int
    timers: int
    open_dispatches: int
    messages: int
    tenants: int


async def read_waiting(connection: Connection) -> Waiting:
    """What a database holds that is to go on."""
    return Waiting(**(await fetch_all(connection, WAITING, {}))[0])

"""SQL of restoring, and of what must hold in a database at any moment. One function a statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from shared.operations.backups.manifest import Partition
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


ALONE_WITHIN = "5s"
"""A session that was ended a moment ago has its locks until the server has found that out."""

STAND_ALONE = "select pg_advisory_xact_lock(hashtextextended('allim restore', 0))"


async def stand_alone(connection: Connection) -> bool:
    """Have no other restore begin for as long as this transaction lasts; False when one is under way."""
    try:
        async with connection.transaction():
            await connection.execute(f"set local lock_timeout = '{ALONE_WITHIN}'")
            await connection.execute(STAND_ALONE)
            await connection.execute("set local lock_timeout to default")
    except psycopg.errors.LockNotAvailable:
        return False
    return True


async def keep_others_out(connection: Connection, tables: Sequence[str]) -> None:
    """From here on nobody else writes to these until the transaction ends."""
    names = sql.SQL(", ").join(map(sql.Identifier, tables))
    await connection.execute(sql.SQL("lock table {} in share row exclusive mode").format(names))


async def clear_stage(connection: Connection, *, begin: bool) -> None:
    """Drop what a restore has left of months that never took their places. `begin`: make room for new ones."""
    await connection.execute("set local client_min_messages = warning")
    await connection.execute("drop schema if exists restoring cascade")
    if begin:
        await connection.execute("create schema restoring")


MONTH = "%(table)s, %(name)s, %(since)s::date, %(until)s::date"


async def stage_month(connection: Connection, table: str, partition: Partition) -> None:
    """Make a table for a month's rows, beside all others."""
    await connection.execute(f"select months.stage({MONTH})", _about(table, partition))


async def index_month(connection: Connection, table: str, partition: Partition) -> None:
    """Give a staged month, whose rows are all there, its indexes."""
    await connection.execute("select months.index_stage(%(table)s, %(name)s)", _about(table, partition))


async def place_months(connection: Connection, months: Sequence[tuple[str, Partition]]) -> None:
    """Put all staged months, with their tables, in the place of those that are here, and close again those that were
    closed."""
    await connection.execute("select months.make_place()")
    for table, partition in months:
        await connection.execute(f"select months.take_place({MONTH})", _about(table, partition))
    for moment in sorted({partition.closed_at for _, partition in months if partition.closed_at is not None}):
        await connection.execute("select months.close(%s)", [moment])
    await connection.execute("drop schema restoring")


HAS_KEPT = "select exists (select from pg_class where relnamespace = 'kept'::regnamespace and relkind = 'r') as there"


async def has_kept(connection: Connection) -> bool:
    """Whether anything is kept apart here."""
    [row] = await fetch_all(connection, HAS_KEPT, {})
    return bool(row["there"])


async def place_apart(connection: Connection, months: Sequence[tuple[str, str]]) -> None:
    """Put staged months, each with its table, where what the law wants is kept."""
    for table, name in months:
        await connection.execute("select months.place_apart(%s, %s)", [table, name])


def _about(table: str, partition: Partition) -> dict[str, object]:
    return {"table": table, "name": partition.name, "since": partition.since, "until": partition.until}


async def begin_lineage(connection: Connection) -> None:
    """Whatever was told of the months that were here holds no more."""
    await connection.execute("update lineage set id = gen_random_uuid()")


async def analyze(connection: Connection) -> None:
    """Have the planner know what is here now, the partitioned tables above all: nothing does that by itself."""
    await connection.execute("analyze")


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
  )) as reports_without_a_message,
  (select count(*) from left_months l where l.dropped_at is null and to_regclass(format('kept.%%I', l.name)) is null
  ) as kept_months_that_are_not_there
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
    kept_months_that_are_not_there: int
    kept_months_with_other_rows_than_were_proven: int


PROVEN = """
select name, rows from left_months
where dropped_at is null and rows is not null and to_regclass(format('kept.%%I', name)) is not null
"""


async def read_broken(connection: Connection) -> Broken:
    """What does not belong together in a database."""
    [broken] = await fetch_all(connection, LISTED + BROKEN, {})
    others = 0
    for kept in await fetch_all(connection, PROVEN, {}):
        rows = sql.SQL("select count(*) as number from {}").format(sql.Identifier("kept", kept["name"]))
        [counted] = await (await connection.execute(rows)).fetchall()
        others += counted["number"] != kept["rows"]
    return Broken(**broken, kept_months_with_other_rows_than_were_proven=others)


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

"""SQL of backups. One function a statement; nothing here decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from psycopg import AsyncCopy, sql
from psycopg.abc import PQGen

from shared.operations.backups.manifest import Partition, TableFile
from shared.platform.database import Connection, fetch_all

BEGIN_SNAPSHOT = "set transaction isolation level repeatable read, read only"

PARENTS = """
select case when c.relkind = 'r' then 'kept.' else '' end || c.relname as name from pg_class c
where (c.relnamespace, c.relkind) in (('public'::regnamespace, 'p'), ('kept'::regnamespace, 'r'))
  and has_table_privilege(c.oid, 'select') order by 1
"""


async def read_parents(connection: Connection) -> list[str]:
    """The tables that have partitions, and what is kept apart (`kept.<name>`), as far as this role may read them."""
    return [row["name"] for row in await fetch_all(connection, PARENTS, {})]


async def begin_snapshot(connection: Connection, parents: Sequence[str]) -> str:
    """See the database from here on as it is now; reading may take its time. Gives the snapshot's id, by which other
    transactions see the same for as long as this one lasts. The partitions of `parents`, and what of it is kept apart,
    stay what they are meanwhile: the lock comes before the snapshot, or rows could leave in between."""
    await connection.execute(BEGIN_SNAPSHOT)
    if parents:
        names = sql.SQL(", ").join(sql.Identifier(*name.split(".")) for name in parents)
        await connection.execute(sql.SQL("lock table {} in access share mode").format(names))
    await connection.take_time()
    [row] = await fetch_all(connection, "select pg_export_snapshot() as id", {})
    return str(row["id"])


async def join_snapshot(connection: Connection, snapshot: str) -> None:
    """See what another transaction sees; reading may take its time."""
    await connection.execute(BEGIN_SNAPSHOT)
    await connection.execute(sql.SQL("set transaction snapshot {}").format(sql.Literal(snapshot)))
    await connection.take_time()


LINEAGE = "select lineage_here() as lineage"


async def read_lineage(connection: Connection) -> str:
    """Names the database and its way so far: another one after a restore of ours, and after the server itself was set
    back to a moment (its timeline is another one then)."""
    [row] = await fetch_all(connection, LINEAGE, {})
    return str(row["lineage"])


MIGRATIONS = "select migration_id from _yoyo_migration order by migration_id"


async def read_migrations(connection: Connection) -> list[str]:
    """The names of the migrations that are applied."""
    return [row["migration_id"] for row in await fetch_all(connection, MIGRATIONS, {})]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of ours. `columns`: those that are stored. `whole`: whether this role is shown all its rows.

    `shape`: tells one set of columns and their types from another. `parted`: whether it has partitions.
    `tenants`: whether its rows belong to tenants. `parents`: tables that its foreign keys want filled first.
    `pages`: that the server counted last; of one that has partitions none.
    """

    name: str
    parted: bool
    columns: list[str]
    shape: str
    whole: bool
    tenants: bool
    parents: list[str]
    pages: int


TABLE = """
select c.relname::text as name, c.relkind = 'p' as parted,
  (
    select array_agg(a.attname::text order by a.attnum) from pg_attribute a
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
  ) as columns,
  (
    select md5(string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), (
      select string_agg(e.enumlabel, ' ' order by e.enumsortorder)
      from pg_enum e join pg_type t on e.enumtypid in (t.oid, t.typelem) where t.oid = a.atttypid
    )), E'\\n' order by a.attnum)) from pg_attribute a
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
  ) as shape,
  has_table_privilege(c.oid, 'select') and (not row_security_active(c.oid) or exists (
    select from pg_policy p
    where p.polrelid = c.oid and p.polpermissive and p.polcmd in ('r', '*')
      and pg_get_expr(p.polqual, p.polrelid) = 'true'
      and (0 = any(p.polroles) or exists (select from unnest(p.polroles) as r (id) where pg_has_role(r.id, 'usage')))
  ) and not exists (
    select from pg_policy p
    where p.polrelid = c.oid and not p.polpermissive and p.polcmd in ('r', '*')
      and pg_get_expr(p.polqual, p.polrelid) <> 'true'
  )) as whole,
  c.relname = 'tenants' or exists (
    select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant' and not a.attisdropped
  ) as tenants,
  coalesce((
    select array_agg(distinct f.confrelid::regclass::text) from pg_constraint f
    where f.conrelid = c.oid and f.contype = 'f' and not f.condeferrable and f.confrelid <> c.oid
  ), '{}') as parents,
  c.relpages as pages
from pg_class c
"""
TABLES = f"""{TABLE}
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and c.relname !~ '^_?yoyo'
  and c.relname not in ('partitions', 'lineage', 'month_copies')
order by c.relname
"""


async def read_tables(connection: Connection) -> list[Table]:
    """Every table, by name, except what tells of the schema itself, and of backups."""
    return [Table(**row) for row in await fetch_all(connection, TABLES, {})]


@dataclass(frozen=True, slots=True)
class Part:
    """What is copied by itself: a partition of a table, or a table without any.

    condition: true of its rows alone, as SQL; None for all of the table. pages: that the server counted last.
    apart: whether it is a partition no more, but kept for the law in a table of its own, with its own columns.
    """

    table: Table
    pages: int
    partition: Partition | None = None
    condition: str | None = None
    apart: bool = False

    @property
    def name(self) -> str:
        return self.partition.name if self.partition else self.table.name


PARTITIONS = """
select w.relname::text as parent, c.relname::text as name, p.name is not null as known, p.since, p.until, p.closed_at,
  p.changes, pg_get_partition_constraintdef(c.oid) as condition, c.relpages as pages
from pg_inherits i
join pg_class w on w.oid = i.inhparent and w.relkind = 'p' and w.relnamespace = 'public'::regnamespace
join pg_class c on c.oid = i.inhrelid
left join partitions p on p.name = c.relname and p.parent = w.relname
order by 1, 2
"""


async def read_parts(connection: Connection, tables: Sequence[Table]) -> list[Part]:
    """All that there is to copy but what is kept apart. Who was not told of a partition in `partitions` does not know
    whether it is closed.

    Raises:
        LookupError: there is such a one: its name.
    """
    by_name = {table.name: table for table in tables}
    parts = [Part(table, table.pages) for table in tables if not table.parted]
    for row in await fetch_all(connection, PARTITIONS, {}):
        parent, known, condition, pages = (row.pop(name) for name in ("parent", "known", "condition", "pages"))
        if not known:
            raise LookupError(row["name"])
        parts.append(Part(by_name[parent], pages, Partition(**row), condition))
    return parts


KEPT = f"""
with t as ({TABLE}
where c.relnamespace = 'kept'::regnamespace and c.relkind = 'r')
select t.*, coalesce(m.name, t.name) as kept, m.parent, m.since, m.until, m.closed_at, m.changes
from t full join (select * from left_months where dropped_at is null) m on m.name = t.name
order by kept
"""


@dataclass(frozen=True, slots=True)
class Apart:
    """What has left its table and is kept for the law.

    part: None where it should be there, and nothing is.
    """

    name: str
    part: Part | None


async def read_kept(connection: Connection) -> list[Apart]:
    """All that is kept apart, by name.

    Raises:
        LookupError: nobody wrote down of a table there what it is: its name.
    """
    found = []
    for row in await fetch_all(connection, KEPT, {}):
        name, parent = row.pop("kept"), row.pop("parent")
        partition = {key: row.pop(key) for key in ("since", "until", "closed_at", "changes")}
        if parent is None:
            raise LookupError(name)
        part = None
        if row["name"] is not None:
            table = Table(**row | {"name": parent})
            part = Part(table, table.pages, Partition(name=name, **partition), apart=True)
        found.append(Apart(name, part))
    return found


TELL_COPIES = """
select tell_copies(%(lineage)s, %(moment)s, %(names)s::text[], %(closed)s::timestamptz[], %(changes)s::bigint[])
"""


async def tell_copies(connection: Connection, lineage: str, moment: dt.datetime, closed: Sequence[Partition]) -> None:
    """Let the database know that a backup is there, and which closed months it has: they may leave for good.

    Args:
        connection: its own transaction.
        lineage: of the database that the backup is of.
        moment: when its snapshot was taken.
        closed: the months as they are in it.
    """
    parameters = {
        "lineage": lineage,
        "moment": moment,
        "names": [month.name for month in closed],
        "closed": [month.closed_at for month in closed],
        "changes": [month.changes for month in closed],
    }
    await connection.execute(TELL_COPIES, parameters)


def copy_out(connection: Connection, part: Part) -> AbstractAsyncContextManager[AsyncCopy]:
    """A part's rows as a stream of COPY's text format. Its cursor knows at the end how many they were.

    A partition is read through its table, for nobody but the owner touches one; Postgres leaves the others out.
    """
    source = sql.Identifier("kept", part.name) if part.apart else sql.Identifier(part.table.name)
    rows = sql.SQL("select {} from {}").format(_names(part.table.columns), source)
    if part.condition is not None:
        rows = sql.SQL("{} where {}").format(rows, sql.SQL(part.condition))
    return connection.cursor().copy(sql.SQL("copy ({}) to stdout").format(rows))


async def read_rows(connection: Connection, copy: AsyncCopy, about: int) -> bytes:
    """The next rows, about so many bytes of them; none at the end. To wait for each one by itself takes three times the
    work: hence not `AsyncCopy.read`, but what that waits for."""

    def rows() -> PQGen[bytes]:
        read = bytearray()
        while len(read) < about and (row := (yield from copy._read_gen())):
            read += row
        return bytes(read)

    return await connection.wait(rows())


def copy_in(connection: Connection, file: TableFile) -> AbstractAsyncContextManager[AsyncCopy]:
    """The same, back. A month's go where it is staged, by the transaction that made the place: they need no vacuum."""
    at, how = ("restoring", "(freeze)") if file.partition else ("public", "")
    statement = sql.SQL("copy {} ({}) from stdin {}").format(
        sql.Identifier(at, file.name), _names(file.columns), sql.SQL(how)
    )
    return connection.cursor().copy(statement)


def _names(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))

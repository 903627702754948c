"""SQL of backups. One function a statement; nothing here decides."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from psycopg import AsyncCopy, sql

from shared.platform.database import Connection, fetch_all

BEGIN_SNAPSHOT = "set transaction isolation level repeatable read, read only"


async def begin_snapshot(connection: Connection) -> None:
    """From the transaction's next statement on, it sees the database as it is then; reading may take its time."""
    await connection.execute(BEGIN_SNAPSHOT)
    await connection.take_time()


MIGRATIONS = "select migration_id from _yoyo_migration order by migration_id"


async def read_migrations(connection: Connection) -> list[str]:
    """The names of the migrations that are applied."""
    return [row["migration_id"] for row in await fetch_all(connection, MIGRATIONS, {})]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of ours. `columns`: those that are stored. `whole`: whether this role is shown all its rows.

    `tenants`: whether its rows belong to tenants. `parents`: tables that its foreign keys want filled first.
    """

    name: str
    columns: list[str]
    whole: bool
    tenants: bool
    parents: list[str]


TABLES = """
select c.relname::text as name,
  (
    select array_agg(a.attname::text order by a.attnum) from pg_attribute a
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
  ) as columns,
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
  ), '{}') as parents
from pg_class c
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and c.relname !~ '^_?yoyo'
  and c.relname <> 'partitions'
order by c.relname
"""


async def read_tables(connection: Connection) -> list[Table]:
    """Every table, by name, except what tells of the schema itself."""
    return [Table(**row) for row in await fetch_all(connection, TABLES, {})]


def copy_out(connection: Connection, table: str, columns: Sequence[str]) -> AbstractAsyncContextManager[AsyncCopy]:
    """A table's rows as a stream of COPY's text format. Its cursor knows at the end how many they were."""
    statement = sql.SQL("copy (select {} from {}) to stdout").format(_names(columns), sql.Identifier(table))
    return connection.cursor().copy(statement)


def copy_in(connection: Connection, table: str, columns: Sequence[str]) -> AbstractAsyncContextManager[AsyncCopy]:
    """The same, back."""
    statement = sql.SQL("copy {} ({}) from stdin").format(sql.Identifier(table), _names(columns))
    return connection.cursor().copy(statement)


def _names(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))

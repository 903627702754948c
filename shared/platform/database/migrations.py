"""Brings a database to the newest schema: applies the numbered SQL files of ``schemas/postgres`` in their order.

yoyo keeps the account of what is applied. What it leaves open is closed here: a migration and its mark are one
transaction, so a process killed at any moment leaves both or none, and an advisory lock of Postgres, which dies with
its session, makes two starters wait for each other without a stale lock ever staying behind.

What only the owner of the database can do, Postgres skips with a warning when another asks for it. So it is looked at
each time whether that was done.
"""

import contextlib
import glob
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict

from shared.platform.errors import AllimError

MIGRATIONS = Path(__file__).resolve().parents[3] / "schemas" / "postgres"

_LOCK_KEY = int.from_bytes(b"allim")


class MigrationError(AllimError):
    """A migration that the database refused. `name` is its file without the ending; nothing of it was kept."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__("migration_failed", f"migration {name} failed: {detail}")
        self.name = name


class OpenDoorsError(AllimError):
    """Everybody may still make tables here, also temporary ones. The schema is up to date, but not safe to run on."""

    def __init__(self, owners: list[str], statements: list[str]) -> None:
        super().__init__(
            "doors_open",
            "the migrations are applied, but everybody may still make tables in this database, and only its owner can"
            f" forbid that: as {' and '.join(owners)}, run `{' '.join(statements)}`, then migrate again",
        )


_OPEN_DOORS = """
select pg_get_userbyid(owner)::text, statement from (
  select datdba as owner, format('revoke create, temporary on database %I from public;', datname) as statement
  from pg_database where datname = current_database()
    and (has_database_privilege('public', oid, 'create') or has_database_privilege('public', oid, 'temporary'))
  union all
  select nspowner, 'revoke create on schema public from public;'
  from pg_namespace where nspname = 'public' and has_schema_privilege('public', oid, 'create')
) as open
"""


def migrate(database_url: str, *, directory: Path = MIGRATIONS) -> list[str]:
    """Apply what is pending; return the names applied, in order (an empty list when there was nothing to do).

    `database_url`: an owner of the database, over a direct connection (a transaction pooler loses the advisory lock).
    `directory`: where the numbered `.sql` files are. Each runs in one transaction, unless it begins with yoyo's
    directive ``-- transactional: false`` (for ``create index concurrently``) and then must bear being run again.

    Raises MigrationError for the first one that fails (those before it stay), OpenDoorsError when all are applied and
    yet everybody may make tables, also when there was nothing to apply, psycopg.OperationalError when the database
    cannot be reached.
    """
    with _exclusive(database_url) as connection:
        with _yoyo(database_url) as backend:
            backend.break_lock()  # ours is the advisory lock: a row still here belongs to a process that was killed
            todo = list(backend.to_apply(_read(directory)))
            for migration in todo:
                _apply(backend, migration)
        if found := connection.execute(_OPEN_DOORS).fetchall():
            raise OpenDoorsError(sorted({owner for owner, _ in found}), [statement for _, statement in found])
        return [migration.id for migration in todo]


def pending(database_url: str, *, directory: Path = MIGRATIONS) -> list[str]:
    """The names of the migrations that `migrate` would apply now, in order. Arguments as there."""
    with _exclusive(database_url), _yoyo(database_url) as backend:
        backend.break_lock()
        return [migration.id for migration in backend.to_apply(_read(directory))]


@contextlib.contextmanager
def _exclusive(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", [_LOCK_KEY])
        yield connection


@contextlib.contextmanager
def _yoyo(database_url: str) -> Iterator[Any]:
    from yoyo import get_backend

    # Everything goes in as a parameter: yoyo's own parser knows neither socket directories nor libpq's key=value form.
    with get_backend("postgresql+psycopg:///?" + urlencode(conninfo_to_dict(database_url))) as backend:
        yield backend


def _read(directory: Path) -> Any:
    from yoyo import read_migrations

    return read_migrations(glob.escape(str(directory)))


def _apply(backend: Any, migration: Any) -> None:
    migration.load()
    try:
        if migration.use_transactions:
            with backend.transaction():
                # The file goes to Postgres whole: a client-side split at semicolons may cut a function's body.
                backend.connection.execute(migration.source)
                backend.mark_one(migration, log=False)
        else:
            with contextlib.redirect_stdout(io.StringIO()):  # yoyo prints what a statement returns
                migration.process_steps(backend, "apply")
            backend.mark_one(migration, log=False)
    except psycopg.Error as error:
        raise MigrationError(migration.id, _explain(error, migration.source)) from error


def _explain(error: psycopg.Error, source: str) -> str:
    position = error.diag.statement_position
    line = f" (line {source.count(chr(10), 0, int(position)) + 1})" if position else ""
    return (error.diag.message_primary or str(error)) + line

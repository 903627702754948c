"""A backup is put into an empty database: checked to its last byte before a row is written, then all or nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from graphlib import TopologicalSorter

from shared.credits.ledger.audit_store import disown_proofs
from shared.operations.backups.judging import Found, judge
from shared.operations.backups.manifest import MOST_BYTES, BackupError, Manifest, is_manifest, unpack
from shared.operations.backups.restore_store import check_references, clear_table, has_rows, set_triggers
from shared.operations.backups.signing import SigningKeys
from shared.operations.backups.store import Table, copy_in, read_migrations, read_tables
from shared.platform.buckets import Bucket
from shared.platform.database import Connection, Database

Progress = Callable[[str, int], None]
"""Called with what is done (`checking` or `loading`) and the stored bytes that were done of it."""


def find_backups(
    bucket: Bucket, keys: SigningKeys | None, now: dt.datetime, *, copy_of: str | None = None
) -> list[Found]:
    """All manifests in a bucket, the newest day first, and last what is of no day. What has no manifest is no backup.

    Args:
        bucket: where they are.
        keys: that sign backups; None where there are none.
        now: the time.
        copy_of: the name of the bucket that they were written to, if this one is a copy.
    """
    found = []
    for name in filter(is_manifest, bucket.names()):
        content = bucket.content(name, MOST_BYTES + 1)
        if content is not None:
            found.append(judge(name, content, bucket=copy_of or bucket.name, keys=keys, now=now))
    return sorted(found, key=_age)


def _age(found: Found) -> tuple[float, float]:
    """Less for what is newer."""
    taken = -found.manifest.taken_at.timestamp() if found.manifest else 0.0
    return -found.day.toordinal() if found.day else 1.0, taken


def verify(bucket: Bucket, manifest: Manifest, on_progress: Progress) -> None:
    """Read every file to its end.

    Raises:
        BackupError: `damaged`, when one is missing or not what was written.
    """
    from google.api_core.exceptions import NotFound

    for expected in manifest.tables:
        try:
            with bucket.read(expected.object) as file:
                for _ in unpack(file, expected):
                    pass
        except NotFound as error:
            raise BackupError("damaged", f"{expected.object} is gone: use the backup of another day") from error
        on_progress("checking", expected.bytes)


async def _tables_to_fill(connection: Connection, manifest: Manifest) -> list[Table]:
    """In an order that their foreign keys allow."""
    theirs, ours = set(await read_migrations(connection)), set(manifest.migrations)
    if theirs != ours:
        lacks, has = ", ".join(sorted(ours - theirs)) or "nothing", ", ".join(sorted(theirs - ours)) or "nothing"
        detail = f"it lacks {lacks} and has {has} beyond the backup: migrate it with the release that took the backup"
        raise BackupError("other_schema", detail)
    tables = await read_tables(connection)
    if {table.name for table in tables} != {file.table for file in manifest.tables}:
        raise BackupError("other_schema", "its tables are not those of the backup: somebody changed it by hand")
    return _in_order(tables)


async def load(database: Database, bucket: Bucket, manifest: Manifest, on_progress: Progress) -> None:
    """Fill an empty database of the same schema, in one transaction.

    Triggers are off meanwhile: what they made is in the backup. Foreign keys are on: rows belong together, or none is
    kept.

    Args:
        database: as the owner of the tables.
        bucket: where the backup is.
        manifest: of the backup, which `verify` has found whole.
        on_progress: hears of each table.

    Raises:
        BackupError: `other_schema`, `not_empty`, `damaged`, `lost_rows`; nothing is kept then.
    """
    async with database.transaction() as connection:
        await connection.take_time()
        tables = await _tables_to_fill(connection, manifest)
        names = [table.name for table in tables]
        await set_triggers(connection, names, on=False)  # from here on nobody else writes
        if filled := [table.name for table in tables if table.tenants and await has_rows(connection, table.name)]:
            raise BackupError("not_empty", f"there are rows in {', '.join(filled)}: give a new, empty database")
        for table in reversed(tables):
            if not table.tenants:
                await clear_table(connection, table.name)  # migrations have put rows there
        by_name = {file.table: file for file in manifest.tables}
        for name in names:
            expected = by_name[name]
            with bucket.read(expected.object) as file:
                async with copy_in(connection, name, expected.columns) as copy:
                    for data in unpack(file, expected):
                        await copy.write(data)
            if copy.cursor.rowcount != expected.rows:
                raise BackupError("lost_rows", f"{copy.cursor.rowcount:,} of {expected.rows:,} rows of {name} went in")
            on_progress("loading", expected.bytes)
        await check_references(connection)
        await disown_proofs(connection)
        await set_triggers(connection, names, on=True)


def _in_order(tables: Sequence[Table]) -> list[Table]:
    by_name = {table.name: table for table in tables}
    order = TopologicalSorter({table.name: table.parents for table in tables}).static_order()
    return [by_name[name] for name in order]

"""A backup is put into an empty database: checked to its last byte before a row is written, then all or nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from graphlib import TopologicalSorter

from pydantic import ValidationError

from shared.operations.backups.manifest import MANIFEST, BackupError, Manifest, manifest_name, unpack
from shared.operations.backups.restore_store import check_references, clear_table, has_rows, set_triggers
from shared.operations.backups.store import Table, copy_in, read_migrations, read_tables
from shared.platform.buckets import Bucket
from shared.platform.database import Connection, Database

Progress = Callable[[str, int], None]
"""Called with what is done (`checking` or `loading`) and the stored bytes that were done of it."""


def find_backups(bucket: Bucket) -> list[dt.date]:
    """The days that there are backups of, newest first. What has no manifest is none."""
    names = [name.partition("/") for name in bucket.names()]
    return sorted((dt.date.fromisoformat(day) for day, _, rest in names if rest == MANIFEST), reverse=True)


def read_manifest(bucket: Bucket, named: str) -> Manifest:
    """The backup of a day such as `2026-11-21`, or the `latest`.

    Raises:
        BackupError: `no_backup`, `bad_name`, `damaged`.
    """
    try:
        day = dt.date.fromisoformat(named) if named != "latest" else next(iter(find_backups(bucket)), None)
    except ValueError as error:
        raise BackupError("bad_name", f"{named!r} is neither a day such as 2026-11-21 nor latest") from error
    content = None if day is None else bucket.content(manifest_name(day))
    if content is None:
        raise BackupError("no_backup", f"there is no backup {named} in {bucket.name}: see --list")
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        raise BackupError("damaged", f"the manifest of {day} can't be read: use the backup of another day") from error


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
        await set_triggers(connection, names, on=True)


def _in_order(tables: Sequence[Table]) -> list[Table]:
    by_name = {table.name: table for table in tables}
    order = TopologicalSorter({table.name: table.parents for table in tables}).static_order()
    return [by_name[name] for name in order]

"""A backup is put into an empty database: checked to its last byte before a row is written, then all or nothing."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from graphlib import TopologicalSorter

from shared.credits.ledger.audit_store import disown_proofs
from shared.operations.backups.judging import Found, judge
from shared.operations.backups.manifest import MOST_BYTES, BackupError, Manifest, TableFile, is_manifest, unpack
from shared.operations.backups.restore_store import (
    analyze,
    begin_lineage,
    check_references,
    clear_stage,
    clear_table,
    has_kept,
    has_rows,
    index_month,
    keep_others_out,
    place_apart,
    place_months,
    set_triggers,
    stage_month,
    stand_alone,
)
from shared.operations.backups.sharing import share
from shared.operations.backups.signing import SigningKeys
from shared.operations.backups.store import Table, copy_in, read_migrations, read_tables
from shared.platform.buckets import Bucket
from shared.platform.database import Connection, Database

Progress = Callable[[str, TableFile], None]
"""Called with what was done, `checking` or `loading`, of which file."""


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


async def verify(bucket: Bucket, manifest: Manifest, on_progress: Progress, *, jobs: int) -> None:
    """Read every file to its end, so many at once.

    Raises:
        BackupError: `damaged`, when one is missing or not what was written.
    """

    async def check(files: Iterator[TableFile]) -> None:
        for file in files:
            await asyncio.to_thread(_check, bucket, file)
            on_progress("checking", file)

    await share(_largest_first(manifest.tables), [check] * jobs)


def _check(bucket: Bucket, expected: TableFile) -> None:
    from google.api_core.exceptions import NotFound

    try:
        with bucket.read(expected.object) as file:
            for _ in unpack(file, expected):
                pass
    except NotFound as error:
        raise BackupError("damaged", f"{expected.object} is gone: use the backup of another day") from error


async def _tables_to_fill(connection: Connection, manifest: Manifest) -> list[Table]:
    """In an order that their foreign keys allow."""
    theirs, ours = set(await read_migrations(connection)), set(manifest.migrations)
    if theirs != ours:
        lacks, has = ", ".join(sorted(ours - theirs)) or "nothing", ", ".join(sorted(theirs - ours)) or "nothing"
        detail = f"it lacks {lacks} and has {has} beyond the backup: migrate it with the release that took the backup"
        raise BackupError("other_schema", detail)
    tables = await read_tables(connection)
    inside = [file for file in manifest.tables if not file.apart]
    parted = {file.table for file in inside if file.partition is not None}
    columns = {table.name: table.columns for table in tables}
    if {(table.name, table.parted) for table in tables} != {
        (file.table, file.table in parted) for file in inside
    } or any(not set(file.columns) <= set(columns.get(file.table, ())) for file in manifest.tables if file.apart):
        raise BackupError("other_schema", "its tables are not those of the backup: somebody changed it by hand")
    return _in_order(tables)


async def load(database: Database, bucket: Bucket, manifest: Manifest, on_progress: Progress, *, jobs: int) -> None:
    """Fill an empty database of the same schema: all, or nothing.

    Months are filled several at once, beside the database, where nobody sees them. One transaction meanwhile fills the
    other tables, and in the end puts the months in their places: until it ends, the database is as empty as it was.
    What a restore that was killed leaves beside it is gone with the next one.

    Triggers are off meanwhile: what they made is in the backup. Foreign keys are on: rows belong together, or none is
    kept.

    Args:
        database: as the owner of the tables, with one connection more than `jobs`.
        bucket: where the backup is.
        manifest: of the backup, which `verify` has found whole.
        on_progress: hears of each file.
        jobs: months that are filled at once.

    Raises:
        BackupError: `other_schema`, `not_empty`, `restoring`, `damaged`, `lost_rows`; nothing is kept then.
    """
    try:
        await _load_all(database, bucket, manifest, on_progress, jobs)
    except BaseException:
        with suppress(Exception):  # what went wrong is told; and the next restore clears it, too
            async with database.transaction() as connection:
                if await stand_alone(connection):
                    await clear_stage(connection, begin=False)
        raise
    async with database.transaction() as connection:
        await connection.take_time()
        await analyze(connection)


async def _load_all(database: Database, bucket: Bucket, manifest: Manifest, on_progress: Progress, jobs: int) -> None:
    async with database.transaction() as connection:
        await connection.take_time()
        if not await stand_alone(connection):
            raise BackupError("restoring", "another restore into this database is under way: wait for it, or end it")
        tables = await _tables_to_fill(connection, manifest)
        plain = [table.name for table in tables if not table.parted]
        # The months' own, too: that those of the target give way is no leaving, which would end their proofs.
        await set_triggers(connection, [*plain, "partitions"], on=False)
        await keep_others_out(connection, [table.name for table in tables])
        if filled := [table.name for table in tables if table.tenants and await has_rows(connection, table.name)]:
            raise BackupError("not_empty", f"there are rows in {', '.join(filled)}: give a new, empty database")
        if await has_kept(connection):
            raise BackupError("not_empty", "there are tables in the schema kept: give a new, empty database")
        for table in reversed(tables):
            if not table.tenants:
                await clear_table(connection, table.name)  # migrations have put rows there
        async with database.transaction() as other:
            await clear_stage(other, begin=True)

        by_name = {file.name: file for file in manifest.tables}

        async def fill_tables(_: Iterator[TableFile]) -> None:
            for name in plain:
                await _fill(connection, bucket, by_name[name])
                on_progress("loading", by_name[name])

        async def fill_months(months: Iterator[TableFile]) -> None:
            for file in months:
                await _fill_month(database, bucket, file)
                on_progress("loading", file)

        months = [file for file in manifest.tables if file.partition is not None]
        await share(_largest_first(months), [fill_tables, *[fill_months] * jobs])
        await place_apart(connection, [(file.table, file.name) for file in months if file.apart])
        inside = [(file.table, file.partition) for file in months if file.partition is not None and not file.apart]
        await place_months(connection, inside)
        await begin_lineage(connection)
        await disown_proofs(connection)
        await check_references(connection)
        await set_triggers(connection, [*plain, "partitions"], on=True)


async def _fill_month(database: Database, bucket: Bucket, file: TableFile) -> None:
    if file.partition is None:
        raise TypeError(f"{file.table} has no months")
    async with database.transaction() as connection:
        await connection.take_time()
        await stage_month(connection, file.table, file.partition)
        await _fill(connection, bucket, file)
        await index_month(connection, file.table, file.partition)


async def _fill(connection: Connection, bucket: Bucket, expected: TableFile) -> None:
    """Copy a file's rows into its table, unpacking on a thread of its own."""
    with bucket.read(expected.object) as file:
        pieces = unpack(file, expected)
        async with copy_in(connection, expected) as copy:
            while (data := await asyncio.to_thread(next, pieces, None)) is not None:
                await copy.write(data)
    if copy.cursor.rowcount != expected.rows:
        raise BackupError("lost_rows", f"{copy.cursor.rowcount:,} of {expected.rows:,} rows of {expected.name} went in")


def _largest_first(files: Iterable[TableFile]) -> list[TableFile]:
    return sorted(files, key=lambda file: -file.bytes)


def _in_order(tables: Sequence[Table]) -> list[Table]:
    by_name = {table.name: table for table in tables}
    order = TopologicalSorter({table.name: table.parents for table in tables}).static_order()
    return [by_name[name] for name in order]

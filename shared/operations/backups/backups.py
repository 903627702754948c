"""The nightly backup: one snapshot of every table, streamed into a bucket, read back, and only then declared one.

A backup's files are written once and never changed: each try has a folder of its own, and the day's manifest is created
only if there is none. So the function needs no right to overwrite or delete, and who steals its account can't either;
what is older than 30 days is deleted by the bucket itself.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import IO

from shared.operations.backups.manifest import BackupError, Manifest, Packer, TableFile, manifest_name, unpack
from shared.operations.backups.store import Table, begin_snapshot, copy_out, read_migrations, read_tables
from shared.platform.buckets import Bucket
from shared.platform.clock import Clock, day_of
from shared.platform.database import Connection, Database
from shared.platform.logs import log

PACKED_AT_ONCE = 1024 * 1024
"""Bytes of rows that are compressed and handed on at a time."""


class Backups:
    """Takes the day's backup.

    Args:
        database: as a role that may read everything.
        bucket: where it goes.
        clock: the time.
    """

    def __init__(self, database: Database, bucket: Bucket, clock: Clock) -> None:
        self._database = database
        self._bucket = bucket
        self._clock = clock

    async def back_up(self) -> Manifest:
        """Back everything up, unless today's backup is there already: then that is given.

        Raises:
            BackupError: `hidden_rows`, `lost_rows`, `damaged`.
        """
        began = self._clock.now()
        day = day_of(began)
        if (done := await self._manifest(manifest_name(day))) is not None:
            return done
        folder = f"{day.isoformat()}/{began:%H%M%S}-{secrets.token_hex(4)}"
        async with self._database.transaction() as connection:
            await begin_snapshot(connection)
            migrations = await read_migrations(connection)
            tables = await read_tables(connection)
            if hidden := [table.name for table in tables if not table.whole]:
                raise BackupError(
                    "hidden_rows", f"allim_backup is not shown all of {', '.join(hidden)}: see migration 0012"
                )
            files = [await self._store(connection, table, f"{folder}/{table.name}.copy.gz") for table in tables]
        for file in files:
            await asyncio.to_thread(self._verify, file)
        manifest = Manifest(
            day=day, taken_at=began, finished_at=self._clock.now(), migrations=tuple(migrations), tables=tuple(files)
        )
        name = manifest_name(day)
        if not await asyncio.to_thread(self._bucket.create, name, manifest.model_dump_json(indent=1).encode()):
            log("backup").info("another try was faster", extra={"fields": {"day": day.isoformat()}})
        stored = await self._manifest(name)
        if stored is None:
            raise BackupError("damaged", f"{name} was written and is not there: is something deleting objects?")
        fields = {
            "day": day.isoformat(),
            "tables": len(files),
            "rows": manifest.rows,
            "bytes": manifest.bytes,
            "seconds": round((manifest.finished_at - began).total_seconds(), 1),
        }
        log("backup").info("backup taken and verified", extra={"fields": fields})
        return stored

    async def _manifest(self, name: str) -> Manifest | None:
        content = await asyncio.to_thread(self._bucket.content, name)
        return None if content is None else Manifest.model_validate_json(content)

    async def _store(self, connection: Connection, table: Table, name: str) -> TableFile:
        """Stream one table into an object."""
        packer = Packer()
        file = await asyncio.to_thread(self._bucket.write, name)
        async with copy_out(connection, table.name, table.columns) as copy:
            waiting = bytearray()
            async for data in copy:
                waiting += data
                if len(waiting) >= PACKED_AT_ONCE:
                    await asyncio.to_thread(_pass_on, file, packer.pack, bytes(waiting))
                    waiting.clear()
            await asyncio.to_thread(_pass_on, file, packer.pack, bytes(waiting))
        if packer.rows != copy.cursor.rowcount:
            counted = f"{packer.rows:,} rows of {copy.cursor.rowcount:,}"
            raise BackupError("lost_rows", f"only {counted} of {table.name} came: the next try may do better")
        await asyncio.to_thread(_close, file, packer.end())
        return TableFile(
            table=table.name,
            columns=tuple(table.columns),
            object=name,
            rows=packer.rows,
            bytes=packer.bytes,
            sha256=packer.sha256,
        )

    def _verify(self, expected: TableFile) -> None:
        """Read a stored file back, to its end."""
        with self._bucket.read(expected.object) as file:
            for _ in unpack(file, expected):
                pass


def _pass_on(file: IO[bytes], pack: Callable[[bytes], bytes], data: bytes) -> None:
    file.write(pack(data))


def _close(file: IO[bytes], rest: bytes) -> None:
    file.write(rest)
    file.close()

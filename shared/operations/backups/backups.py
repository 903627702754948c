"""The nightly backup: one snapshot of every table, streamed into a bucket, read back, and only then declared one.

A backup's files are written once and never changed: each try has a folder of its own, and the day's manifest is created
only if there is none. So the function needs no right to overwrite or delete; what is older than 30 days is deleted by
the bucket itself. A manifest is signed: what somebody else put in its place is no backup, and ours goes to the next.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import secrets
from collections.abc import Callable
from typing import IO

from shared.operations.backups.judging import State, judge
from shared.operations.backups.manifest import (
    MOST_BYTES,
    BackupError,
    Manifest,
    Packer,
    TableFile,
    manifest_name,
    signed,
    unpack,
)
from shared.operations.backups.signing import SigningKeys
from shared.operations.backups.store import Table, begin_snapshot, copy_out, read_migrations, read_tables
from shared.platform.buckets import Bucket
from shared.platform.clock import Clock, day_of
from shared.platform.database import Connection, Database
from shared.platform.logs import log

MANIFESTS_A_DAY = 10
"""Places that are tried for a day's manifest, for nothing is overwritten."""

PACKED_AT_ONCE = 1024 * 1024
"""Bytes of rows that are compressed and handed on at a time."""


class Backups:
    """Takes the day's backup.

    Args:
        database: as a role that may read everything.
        bucket: where it goes.
        keys: that sign it.
        clock: the time.
    """

    def __init__(self, database: Database, bucket: Bucket, keys: SigningKeys, clock: Clock) -> None:
        self._database = database
        self._bucket = bucket
        self._keys = keys
        self._clock = clock

    async def back_up(self) -> Manifest:
        """Back everything up, unless today's backup is there already: then that is given.

        Raises:
            BackupError: `hidden_rows`, `lost_rows`, `damaged`, `no_place`.
        """
        began = self._clock.now()
        day = day_of(began)
        done, _ = await self._standing(day)
        if done is not None:
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
            bucket=self._bucket.name,
            day=day,
            taken_at=began,
            finished_at=self._clock.now(),
            migrations=tuple(migrations),
            tables=tuple(files),
        )
        stored = await self._declare(manifest)
        fields = {
            "day": day.isoformat(),
            "tables": len(files),
            "rows": manifest.rows,
            "bytes": manifest.bytes,
            "seconds": round((manifest.finished_at - began).total_seconds(), 1),
        }
        log("backup").info("backup taken and verified", extra={"fields": fields})
        return stored

    async def _declare(self, manifest: Manifest) -> Manifest:
        """Store a manifest, unless another try was faster; gives the day's."""
        for _ in range(MANIFESTS_A_DAY):
            done, name = await self._standing(manifest.day)
            if done is not None:
                return done
            await asyncio.to_thread(self._bucket.create, name, signed(manifest, self._keys))
        raise BackupError("damaged", f"{name} was written and is not there: is something deleting objects?")

    async def _standing(self, day: dt.date) -> tuple[Manifest | None, str]:
        """The day's backup if there is one that is ours; and the place of its manifest, or that where it can go.

        Raises:
            BackupError: `no_place`: somebody filled them all.
        """
        for number in range(MANIFESTS_A_DAY):
            name = manifest_name(day, number)
            content = await asyncio.to_thread(self._bucket.content, name, MOST_BYTES + 1)
            if content is None:
                return None, name
            found = judge(name, content, bucket=self._bucket.name, keys=self._keys, now=self._clock.now())
            if found.state is State.SIGNED:
                return found.manifest, name
            fields = {"object": name, "state": found.state.value, "reason": found.reason}
            log("backup").error("a manifest that is not ours", extra={"fields": fields})
        raise BackupError("no_place", f"{MANIFESTS_A_DAY} manifests of {day} are there, and none is ours: delete them")

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

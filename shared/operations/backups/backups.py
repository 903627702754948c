"""The nightly backup: one snapshot of all, streamed into a bucket, read back, and only then declared one.

A partition is a file, and so is a table without any; several are copied at once, of the same snapshot. A month that is
closed is copied once: the next nights' manifests name the same file for as long as nothing of the month changed. So it
is with what has left its table and is kept for the law.

A backup's files are written once and never changed: each try has names of its own, and the day's manifest is created
only if there is none. So the function needs no right to overwrite or delete; what is older than 30 days is deleted by
the bucket itself, and after 60 what is of closed months. A manifest is signed: what somebody else put in its place is
no backup, and ours goes to the next.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import IO

from shared.operations.backups.judging import State, judge
from shared.operations.backups.keeping import kept_file
from shared.operations.backups.manifest import (
    KEPT_NIGHTS,
    MOST_BYTES,
    BackupError,
    Manifest,
    Packer,
    TableFile,
    manifest_name,
    signed,
    unpack,
)
from shared.operations.backups.sharing import share
from shared.operations.backups.signing import SigningKeys
from shared.operations.backups.store import (
    Part,
    begin_snapshot,
    copy_out,
    join_snapshot,
    read_kept,
    read_lineage,
    read_migrations,
    read_parents,
    read_parts,
    read_rows,
    read_tables,
    tell_copies,
)
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
        connections: of the database that are used at once.
    """

    def __init__(
        self, database: Database, bucket: Bucket, keys: SigningKeys, clock: Clock, *, connections: int = 1
    ) -> None:
        self._database = database
        self._bucket = bucket
        self._keys = keys
        self._clock = clock
        self._connections = connections

    async def back_up(self) -> Manifest:
        """Back everything up, unless today's backup is there already: then that is given. In the end the database knows
        of it.

        Raises:
            BackupError: `hidden_rows`, `lost_rows`, `damaged`, `no_place`.
        """
        began = self._clock.now()
        done, _ = await self._standing(day_of(began))
        manifest = done or await self._take(began)
        closed = [file.partition for file in manifest.tables if file.partition and file.partition.closed_at]
        if manifest.lineage is not None:
            async with self._database.connection() as connection:
                await tell_copies(connection, manifest.lineage, manifest.taken_at, closed)
        return manifest

    async def _take(self, began: dt.datetime) -> Manifest:
        day = day_of(began)
        last = await self._last(day)
        folder = f"{began:%H%M%S}-{secrets.token_hex(4)}"
        kept: list[TableFile] = []
        copied: list[TableFile] = []
        async with self._database.connection() as connection:
            parents = await read_parents(connection)
        async with self._database.transaction() as connection:
            snapshot = await begin_snapshot(connection, parents)
            migrations, lineage = await read_migrations(connection), await read_lineage(connection)
            left = []
            for part in await self._parts(connection):
                known = kept_file(part, last, lineage, day)
                if known is not None and await self._is_there(known):
                    kept.append(known)
                else:
                    left.append(part)

            async def copy_here(parts: Iterator[Part], connection: Connection = connection) -> None:
                for part in parts:
                    file = await self._store(connection, part, _place(part, day, folder))
                    copied.append(file)

            async def copy_elsewhere(parts: Iterator[Part]) -> None:
                async with self._database.transaction() as other:
                    await join_snapshot(other, snapshot)
                    await copy_here(parts, other)

            await share(left, [copy_here, *[copy_elsewhere] * (self._connections - 1)])
        await share(copied, [self._verify_all] * self._connections)
        files = [*kept, *copied]
        manifest = Manifest(
            bucket=self._bucket.name,
            lineage=lineage,
            day=day,
            taken_at=began,
            finished_at=self._clock.now(),
            migrations=tuple(migrations),
            tables=tuple(sorted(files, key=lambda file: (file.table, file.name))),
        )
        stored = await self._declare(manifest)
        fields = {
            "day": day.isoformat(),
            "files": len(files),
            "rows": manifest.rows,
            "bytes": manifest.bytes,
            "copied_files": len(copied),
            "copied_bytes": sum(file.bytes for file in copied),
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

    async def _last(self, day: dt.date) -> Manifest | None:
        """The newest backup of ours before a day, if a file of it may still serve."""
        for nights in range(1, KEPT_NIGHTS):
            with suppress(BackupError):  # that day has none of ours
                found, _ = await self._standing(day - dt.timedelta(days=nights))
                if found is not None:
                    return found
        return None

    async def _is_there(self, file: TableFile) -> bool:
        """Whether a file of an earlier night is what was stored then."""
        return file.generation is not None and file.generation == await asyncio.to_thread(
            self._bucket.generation, file.object
        )

    async def _parts(self, connection: Connection) -> list[Part]:
        """All that is to be in a backup, largest first."""
        tables = await read_tables(connection)
        try:
            inside, kept = await read_parts(connection, tables), await read_kept(connection)
        except LookupError as error:
            raise BackupError("hidden_rows", f"nobody wrote down which month {error.args[0]} is") from error
        if gone := [one.name for one in kept if one.part is None]:
            log("backup").error("what the law wants kept is not there", extra={"fields": {"kept": gone}})
        apart = [one.part for one in kept if one.part is not None]
        if hidden := [
            *(table.name for table in tables if not table.whole),
            *(part.name for part in apart if not part.table.whole),
        ]:
            raise BackupError(
                "hidden_rows", f"allim_backup is not shown all of {', '.join(hidden)}: see migration 0012"
            )
        return sorted([*inside, *apart], key=lambda part: -part.pages)

    async def _store(self, connection: Connection, part: Part, name: str) -> TableFile:
        """Stream one part into an object."""
        packer = Packer()
        file = await asyncio.to_thread(self._bucket.write, name)
        async with copy_out(connection, part) as copy:
            while data := await read_rows(connection, copy, PACKED_AT_ONCE):
                await asyncio.to_thread(_pass_on, file, packer.pack, data)
        if packer.rows != copy.cursor.rowcount:
            counted = f"{packer.rows:,} rows of {copy.cursor.rowcount:,}"
            raise BackupError("lost_rows", f"only {counted} of {part.name} came: the next try may do better")
        await asyncio.to_thread(_close, file, packer.end())
        closed = part.partition is not None and part.partition.closed_at is not None
        return TableFile(
            table=part.table.name,
            partition=part.partition,
            apart=part.apart,
            columns=tuple(part.table.columns),
            shape=part.table.shape,
            object=name,
            generation=await asyncio.to_thread(self._bucket.generation, name) if closed else None,
            rows=packer.rows,
            bytes=packer.bytes,
            sha256=packer.sha256,
        )

    async def _verify_all(self, files: Iterator[TableFile]) -> None:
        for file in files:
            await asyncio.to_thread(self._verify, file)

    def _verify(self, expected: TableFile) -> None:
        """Read a stored file back, to its end."""
        with self._bucket.read(expected.object) as file:
            for _ in unpack(file, expected):
                pass


def _place(part: Part, day: dt.date, folder: str) -> str:
    """Where a part's rows go: with the day's, or, of a closed month, where they outlast it."""
    if part.partition is not None and part.partition.closed_at is not None:
        return f"months/{part.name}/{day.isoformat()}-{folder}.copy.gz"
    return f"{day.isoformat()}/{folder}/{part.name}.copy.gz"


def _pass_on(file: IO[bytes], pack: Callable[[bytes], bytes], data: bytes) -> None:
    file.write(pack(data))


def _close(file: IO[bytes], rest: bytes) -> None:
    file.write(rest)
    file.close()

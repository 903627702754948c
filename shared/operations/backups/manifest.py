"""What a backup is: a manifest that is written last, and the files that it names."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import IO, Annotated, Any, ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from shared.operations.backups.signing import Signature, SigningKeys
from shared.platform.errors import AllimError

MOST_BYTES = 4 * 1024 * 1024
"""Of a manifest, with a hundred times the tables that there are."""

READ_BYTES = 64 * 1024

UNPACKED_BYTES = 1024 * 1024
"""Of rows, which are unpacked at a time at most: what is written again and again packs into next to nothing."""

YEARS = range(1970, 9_990)
"""Those of a moment that has a day in Seoul: Python's first and last hours have none."""

LEVEL = 3
"""Of gzip's nine: twice the work of this one makes a file a tenth smaller."""

KEPT_NIGHTS = 30
"""For so many nights at most a closed month's file serves. The bucket keeps what is under `months/` for twice as long:
the last of these manifests is kept for 30 days, too."""

_GZIP = 16 + zlib.MAX_WBITS
_MANIFEST = re.compile(r"([^/]*)/manifest(?:-[0-9]+)?\.json")
_MONTHS_FILE = re.compile(r"months/([^/]+)/([0-9]{4}-[0-9]{2}-[0-9]{2})-[0-9]{6}-[0-9a-f]{8}\.copy\.gz")


class BackupError(AllimError):
    """A backup can't be taken, or used."""

    default_status: ClassVar[int] = 500


class Partition(BaseModel):
    """A part of a table, as `partitions` tells of it.

    name: its own. since, until: what lies from the first day on and before the second; None for no end.
    closed_at: when it was closed; None while it is open. changes: of its rows since then.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern="^[a-z0-9_]+$")]
    since: dt.date | None
    until: dt.date | None
    closed_at: AwareDatetime | None
    changes: int


class TableFile(BaseModel):
    """Rows of a table as COPY writes them (text), compressed by gzip.

    partition: whose rows they are; None for all of the table. apart: whether it has left the table, and is kept for the
    law in the schema `kept`.
    shape: tells one set of columns and their types from another.
    object, rows, bytes, sha256: of the stored object. generation: of the object, which is another one's when somebody
    puts something else in its place.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str
    partition: Partition | None = None
    apart: bool = False
    columns: tuple[str, ...]
    shape: str | None = None
    object: str
    generation: int | None = None
    rows: Annotated[int, Field(ge=0)]
    bytes: Annotated[int, Field(ge=0)]
    sha256: str

    @property
    def name(self) -> str:
        """Of the partition, else of the table."""
        return self.partition.name if self.partition else self.table

    def is_in_place(self, day: dt.date) -> bool:
        """Whether a backup of a day may have it where it is: in a try's folder of that day; or, of a closed month, in
        the month's own for some time."""
        if self.partition is None or self.partition.closed_at is None:
            return bool(re.fullmatch(rf"{day}/[0-9]{{6}}-[0-9a-f]{{8}}/{re.escape(self.name)}\.copy\.gz", self.object))
        nights = nights_of(self, day)
        return nights is not None and 0 <= nights < KEPT_NIGHTS


def nights_of(file: TableFile, day: dt.date) -> int | None:
    """For how many nights a closed month's file has been there on a day; None where it is no file of its month's."""
    found = _MONTHS_FILE.fullmatch(file.object)
    if found is None or found[1] != file.name:
        return None
    try:
        return (day - dt.date.fromisoformat(found[2])).days
    except ValueError:
        return None


class Manifest(BaseModel):
    """A backup of one day in Seoul.

    bucket: where it was stored; None in those from before they were signed.
    lineage: of the database; None in those from before there were months.
    taken_at: the moment that its rows are of. migrations: their schema.
    tables: each of another table, or of another partition of one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    bucket: str | None = None
    lineage: str | None = None
    day: dt.date
    taken_at: AwareDatetime
    finished_at: AwareDatetime
    migrations: tuple[str, ...]
    tables: tuple[TableFile, ...]

    @model_validator(mode="after")
    def _check_moments(self) -> Manifest:
        if any(moment.year not in YEARS for moment in (self.taken_at, self.finished_at)):
            raise ValueError(f"a backup is taken between {YEARS[0]} and {YEARS[-1]}")
        return self

    @model_validator(mode="after")
    def _check_files(self) -> Manifest:
        if len({file.name for file in self.tables}) < len(self.tables):
            raise ValueError("it names a table twice")
        whole = {file.table for file in self.tables if file.partition is None}
        for file in self.tables:
            if file.partition is not None and file.table in whole:
                raise ValueError(f"it has all of {file.table}, and {file.name} once more")
            if file.apart and (file.partition is None or file.partition.closed_at is None):
                raise ValueError(f"{file.name} would be kept apart, and was never closed")
            if not file.is_in_place(self.day):
                raise ValueError(f"the rows of {file.name} would be in {file.object}, which is no file of that day")
        return self

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.tables)

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.tables)

    @property
    def rows_of_tables(self) -> dict[str, int]:
        """How many rows each table has, all its partitions together, and not what is kept apart."""
        inside = [file for file in self.tables if not file.apart]
        rows: dict[str, int] = dict.fromkeys(sorted({file.table for file in inside}), 0)
        for file in inside:
            rows[file.table] += file.rows
        return rows

    @property
    def rows_apart(self) -> dict[str, int]:
        """How many rows there are of each month that is kept apart."""
        return {file.name: file.rows for file in self.tables if file.apart}


def manifest_name(day: dt.date, number: int = 0) -> str:
    """Where a day's manifest is. `number`: of the place, for what somebody else put there can't be overwritten."""
    return f"{day.isoformat()}/manifest{f'-{number}' if number else ''}.json"


def is_manifest(name: str) -> bool:
    """Whether an object's name ends as that of a manifest, wherever it is."""
    return _MANIFEST.fullmatch(f"/{name.rpartition('/')[2]}") is not None


def day_of_name(name: str) -> dt.date | None:
    """The day in whose folder a manifest is, as days are written there; None where it is in none."""
    found = _MANIFEST.fullmatch(name)
    try:
        day = dt.date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None
    return day if day and found and day.isoformat() == found[1] else None


def signed(manifest: Manifest, keys: SigningKeys) -> bytes:
    """What is stored of a manifest: itself, and a signature over all of it."""
    written = manifest.model_dump(mode="json")
    signature = keys.sign(canonical(written))
    return json.dumps({**written, "signature": asdict(signature)}, indent=1, ensure_ascii=False).encode()


def vouches(keys: SigningKeys, signature: Signature, written: Mapping[str, Any]) -> bool:
    """Whether one of the keys signed just this. `written`: the manifest in JSON, without its signature.

    Raises:
        UnknownKeyError: `unknown_key`.
    """
    return keys.vouch(signature, canonical(written))


def canonical(written: Mapping[str, Any]) -> bytes:
    """The one way to write a manifest's JSON, whatever release reads it."""
    return json.dumps(written, sort_keys=True, separators=(",", ":")).encode()


class Packer:
    """Compresses a table's rows and counts what goes through."""

    def __init__(self) -> None:
        self.rows = 0
        self.bytes = 0
        self._sha256 = hashlib.sha256()
        self._gzip = zlib.compressobj(LEVEL, zlib.DEFLATED, _GZIP)

    def pack(self, data: bytes) -> bytes:
        """What is to be stored of more rows. A line feed in a value is written as `\\n`, so each one ends a row."""
        self.rows += data.count(b"\n")
        return self._counted(self._gzip.compress(data))

    def end(self) -> bytes:
        return self._counted(self._gzip.flush())

    def _counted(self, packed: bytes) -> bytes:
        self._sha256.update(packed)
        self.bytes += len(packed)
        return packed

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()


def unpack(file: IO[bytes], expected: TableFile) -> Iterator[bytes]:
    """The rows in a stored file, piece by piece.

    Raises:
        BackupError: `damaged`, at the end at the latest, when the file is not what was written.
    """
    sha256, gzip, size, rows = hashlib.sha256(), zlib.decompressobj(_GZIP), 0, 0
    while chunk := file.read(READ_BYTES):
        sha256.update(chunk)
        size += len(chunk)
        while chunk:
            try:
                data = gzip.decompress(chunk, UNPACKED_BYTES)
            except zlib.error as error:
                raise _damaged(expected, str(error)) from error
            chunk = gzip.unconsumed_tail
            rows += data.count(b"\n")
            yield data
    if (sha256.hexdigest(), size, rows, gzip.eof) != (expected.sha256, expected.bytes, expected.rows, True):
        raise _damaged(
            expected, f"{rows:,} rows in {size:,} bytes, {expected.rows:,} in {expected.bytes:,} were written"
        )


def _damaged(expected: TableFile, how: str) -> BackupError:
    return BackupError("damaged", f"{expected.object} is not what was written ({how}): use the backup of another day")

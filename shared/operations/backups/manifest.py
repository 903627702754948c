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

YEARS = range(1970, 9_990)
"""Those of a moment that has a day in Seoul: Python's first and last hours have none."""

_GZIP = 16 + zlib.MAX_WBITS
_MANIFEST = re.compile(r"([^/]*)/manifest(?:-[0-9]+)?\.json")


class BackupError(AllimError):
    """A backup can't be taken, or used."""

    default_status: ClassVar[int] = 500


class TableFile(BaseModel):
    """A table's rows as COPY writes them (text), compressed by gzip. `bytes` and `sha256` are the stored object's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str
    columns: tuple[str, ...]
    object: str
    rows: Annotated[int, Field(ge=0)]
    bytes: Annotated[int, Field(ge=0)]
    sha256: str


class Manifest(BaseModel):
    """A backup of one day in Seoul.

    bucket: where it was stored; None in those from before they were signed.
    taken_at: the moment that its rows are of. migrations: their schema.
    tables: each of another table, in a folder of the day.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    bucket: str | None = None
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
        if len({file.table for file in self.tables}) < len(self.tables):
            raise ValueError("it names a table twice")
        for file in self.tables:
            if not re.fullmatch(rf"{self.day}/[0-9]{{6}}-[0-9a-f]{{8}}/{re.escape(file.table)}\.copy\.gz", file.object):
                raise ValueError(f"the rows of {file.table} would be in {file.object}, which is no file of that day")
        return self

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.tables)

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.tables)


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
        self._gzip = zlib.compressobj(6, zlib.DEFLATED, _GZIP)

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
        try:
            data = gzip.decompress(chunk)
        except zlib.error as error:
            raise _damaged(expected, str(error)) from error
        rows += data.count(b"\n")
        yield data
    if (sha256.hexdigest(), size, rows, gzip.eof) != (expected.sha256, expected.bytes, expected.rows, True):
        raise _damaged(
            expected, f"{rows:,} rows in {size:,} bytes, {expected.rows:,} in {expected.bytes:,} were written"
        )


def _damaged(expected: TableFile, how: str) -> BackupError:
    return BackupError("damaged", f"{expected.object} is not what was written ({how}): use the backup of another day")

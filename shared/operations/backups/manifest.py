"""What a backup is: a manifest that is written last, and the files that it names."""

from __future__ import annotations

import datetime as dt
import hashlib
import zlib
from collections.abc import Iterator
from typing import IO, Annotated, ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.platform.errors import AllimError

MANIFEST = "manifest.json"
READ_BYTES = 64 * 1024

_GZIP = 16 + zlib.MAX_WBITS


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
    """A backup of one day in Seoul. `taken_at`: the moment that its rows are of, `migrations` their schema."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    day: dt.date
    taken_at: AwareDatetime
    finished_at: AwareDatetime
    migrations: tuple[str, ...]
    tables: tuple[TableFile, ...]

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.tables)

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.tables)


def manifest_name(day: dt.date) -> str:
    return f"{day.isoformat()}/{MANIFEST}"


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

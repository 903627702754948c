"""Objects in Google Cloud Storage: written once, never changed, read as streams.

Blocking, as Google's client is: call it on a thread of its own.
"""

from __future__ import annotations

from functools import cached_property
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from google.cloud.storage import Bucket as GoogleBucket

CHUNK_BYTES = 8 * 1024 * 1024
"""What is held in memory of an object that is written or read; a multiple of 256 KiB."""


class Bucket:
    """One bucket. The client is imported and connected at first use; STORAGE_EMULATOR_HOST names an emulator.

    Args:
        name: of the bucket, which must exist.
        project: the project that it is in.
    """

    def __init__(self, name: str, project: str) -> None:
        self.name = name
        self._project = project

    @cached_property
    def _bucket(self) -> GoogleBucket:
        from google.cloud.storage import Client

        return Client(project=self._project).bucket(self.name)

    def write(self, name: str) -> IO[bytes]:
        """A file to write a new object with; it is there, whole, once the file is closed."""
        file: IO[bytes] = self._bucket.blob(name).open("wb", chunk_size=CHUNK_BYTES, if_generation_match=0)
        return file

    def read(self, name: str) -> IO[bytes]:
        """A file to read an object with. Where there is none, reading raises google.api_core.exceptions.NotFound."""
        file: IO[bytes] = self._bucket.blob(name).open("rb", chunk_size=CHUNK_BYTES)
        return file

    def create(self, name: str, content: bytes) -> bool:
        """Store a small object; False when there is one of that name already."""
        from google.api_core.exceptions import PreconditionFailed

        try:
            self._bucket.blob(name).upload_from_string(content, "application/json", if_generation_match=0)
        except PreconditionFailed:
            return False
        return True

    def content(self, name: str, most: int) -> bytes | None:
        """A small object, or the first bytes of it if it is no small one; None when there is none.

        Args:
            name: of the object.
            most: bytes that are read; whoever asks for one more than it may have sees that it has more.
        """
        from google.api_core.exceptions import NotFound

        try:
            with self.read(name) as file:
                return file.read(most)
        except NotFound:
            return None

    def generation(self, name: str) -> int | None:
        """Tells what is stored under a name from whatever else may be put there; None when there is nothing.

        https://cloud.google.com/storage/docs/metadata#generation-number
        """
        blob = self._bucket.get_blob(name)
        return None if blob is None else int(blob.generation)

    def names(self) -> list[str]:
        """The names of all objects, sorted."""
        blobs: Any = self._bucket.list_blobs()
        return sorted(blob.name for blob in blobs)

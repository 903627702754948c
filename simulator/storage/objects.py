"""Buckets as folders: each object is a file with its content and one with what is known of it."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import google_crc32c

from simulator.clock import iso, present

_READ_BYTES = 1 << 20


class StorageError(Exception):
    """A refusal: `status` and `message` as the API answers them."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(slots=True)
class Upload:
    """A resumable upload that is under way: what has come so far is in `file`."""

    bucket: str
    name: str
    content_type: str
    if_generation_match: int | None
    file: Path
    received: int = 0


class Objects:
    """What is stored, in the folder `root`: a folder of it is a bucket.

    Args:
        root: made if it is not there, with the `buckets` in it.
    """

    def __init__(self, root: Path, buckets: tuple[str, ...]) -> None:
        self._root = root
        self.uploads: dict[str, Upload] = {}
        for bucket in buckets:
            (root / bucket).mkdir(parents=True, exist_ok=True)

    def begin(self, bucket: str, name: str, content_type: str, if_generation_match: int | None) -> str:
        """Begin a resumable upload; gives its id."""
        upload_id = secrets.token_urlsafe(24)
        file = self._bucket(bucket) / f".upload-{upload_id}"
        file.touch()
        self.uploads[upload_id] = Upload(bucket, name, content_type, if_generation_match, file)
        return upload_id

    def append(self, upload: Upload, start: int, data: bytes) -> None:
        """Take a chunk. One that does not follow what has come is refused."""
        if start != upload.received:
            raise StorageError(503, f"expected byte {upload.received}, got {start}")
        with upload.file.open("ab") as file:
            file.write(data)
        upload.received += len(data)

    def finish(self, upload: Upload) -> dict[str, Any]:
        """Make the object of what has come, at once and whole; gives its resource."""
        known = self._path(upload.bucket, upload.name, ".json")
        if upload.if_generation_match == 0 and known.exists():
            upload.file.unlink()
            raise StorageError(412, "At least one of the pre-conditions you specified did not hold.")
        md5 = hashlib.md5(usedforsecurity=False)
        crc32c: Any = google_crc32c.Checksum()  # type: ignore[no-untyped-call]
        with upload.file.open("rb") as file:
            while chunk := file.read(_READ_BYTES):
                md5.update(chunk)
                crc32c.update(chunk)
        resource = {
            "kind": "storage#object",
            "id": f"{upload.bucket}/{upload.name}/1",
            "name": upload.name,
            "bucket": upload.bucket,
            "generation": str(int(present() * 1e6)),
            "metageneration": "1",
            "contentType": upload.content_type,
            "size": str(upload.received),
            "md5Hash": base64.b64encode(md5.digest()).decode(),
            "crc32c": base64.b64encode(crc32c.digest()).decode(),
            "timeCreated": iso(present()),
        }
        upload.file.rename(self._path(upload.bucket, upload.name, ".data"))
        known.write_text(json.dumps(resource))
        return resource

    def resource(self, bucket: str, name: str) -> dict[str, Any]:
        known = self._path(bucket, name, ".json")
        if not known.exists():
            raise StorageError(404, f"No such object: {bucket}/{name}")
        resource: dict[str, Any] = json.loads(known.read_text())
        return resource

    def listing(self, bucket: str, prefix: str) -> list[dict[str, Any]]:
        """The objects whose names begin with `prefix`, in the order of their names."""
        found = [json.loads(file.read_text()) for file in self._bucket(bucket).glob("*.json")]
        return sorted((one for one in found if one["name"].startswith(prefix)), key=lambda one: str(one["name"]))

    def read(self, bucket: str, name: str, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` up to `end`, which is not part of them."""
        with self._path(bucket, name, ".data").open("rb") as file:
            file.seek(start)
            while start < end and (chunk := file.read(min(_READ_BYTES, end - start))):
                start += len(chunk)
                yield chunk

    def _bucket(self, bucket: str) -> Path:
        folder = self._root / quote(bucket, safe="")
        if not folder.is_dir():
            raise StorageError(404, "The specified bucket does not exist.")
        return folder

    def _path(self, bucket: str, name: str, kind: str) -> Path:
        return self._bucket(bucket) / f"{quote(name, safe='')}{kind}"

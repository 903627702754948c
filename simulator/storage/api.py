"""The part of Cloud Storage's JSON API that uploads, lists and downloads objects.

https://cloud.google.com/storage/docs/json_api/v1
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from simulator.storage.objects import Objects, StorageError

PATHS = ("/storage/v1/b/", "/upload/storage/v1/b/", "/download/storage/v1/b/")
_PAGE = 1_000
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class StorageApi:
    """Answers for what is in `objects`."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def routes(self) -> list[Route]:
        """What the application serves."""
        return [
            Route("/upload/storage/v1/b/{bucket}/o", _answering(self._upload), methods=["POST"]),
            Route("/upload/storage/v1/b/{bucket}/o", _answering(self._chunk), methods=["PUT"]),
            Route("/storage/v1/b/{bucket}/o", _answering(self._list)),
            Route("/storage/v1/b/{bucket}/o/{name:path}", _answering(self._get)),
            Route("/download/storage/v1/b/{bucket}/o/{name:path}", _answering(self._download)),
        ]

    async def _upload(self, request: Request) -> Response:
        bucket = request.path_params["bucket"]
        match = request.query_params.get("ifGenerationMatch")
        generation = None if match is None else int(match)
        if request.query_params.get("uploadType") == "resumable":
            about = json.loads(await request.body() or b"{}")
            name = about.get("name") or request.query_params["name"]
            kind = request.headers.get("x-upload-content-type", "application/octet-stream")
            upload_id = self._objects.begin(bucket, name, kind, generation)
            place = request.url.include_query_params(upload_id=upload_id)
            return Response(headers={"Location": str(place)})
        about, kind, data = _parts(request.headers["content-type"], await request.body())
        upload = self._objects.uploads.pop(self._objects.begin(bucket, about["name"], kind, generation))
        self._objects.append(upload, 0, data)
        return JSONResponse(self._objects.finish(upload))

    async def _chunk(self, request: Request) -> Response:
        upload_id = request.query_params["upload_id"]
        upload = self._objects.uploads.get(upload_id)
        found = _CONTENT_RANGE.fullmatch(request.headers.get("content-range", ""))
        if upload is None or found is None:
            raise StorageError(404 if upload is None else 400, "no such upload, or no range")
        if found[1] is not None:
            self._objects.append(upload, int(found[1]), await request.body())
        if found[2] != "*" and int(found[2]) == upload.received:
            del self._objects.uploads[upload_id]
            return JSONResponse(self._objects.finish(upload))
        return Response(
            status_code=308, headers={"Range": f"bytes=0-{upload.received - 1}"} if upload.received else None
        )

    async def _list(self, request: Request) -> Response:
        found = self._objects.listing(request.path_params["bucket"], request.query_params.get("prefix", ""))
        begin = int(request.query_params.get("pageToken", 0))
        page: dict[str, Any] = {"kind": "storage#objects", "items": found[begin : begin + _PAGE]}
        if begin + _PAGE < len(found):
            page["nextPageToken"] = str(begin + _PAGE)
        return JSONResponse(page)

    async def _get(self, request: Request) -> Response:
        if request.query_params.get("alt") == "media":
            return await self._download(request)
        return JSONResponse(self._objects.resource(request.path_params["bucket"], request.path_params["name"]))

    async def _download(self, request: Request) -> Response:
        bucket, name = request.path_params["bucket"], request.path_params["name"]
        resource = self._objects.resource(bucket, name)
        size = int(resource["size"])
        headers = {
            "X-Goog-Hash": f"crc32c={resource['crc32c']},md5={resource['md5Hash']}",
            "X-Goog-Generation": resource["generation"],
        }
        asked = _RANGE.fullmatch(request.headers.get("range", ""))
        if asked is None:
            headers["Content-Length"] = str(size)
            return StreamingResponse(self._objects.read(bucket, name, 0, size), headers=headers)
        start, end = int(asked[1]), min(int(asked[2]) + 1 if asked[2] else size, size)
        if start >= size:
            raise StorageError(416, "The requested range cannot be satisfied.")
        headers |= {"Content-Length": str(end - start), "Content-Range": f"bytes {start}-{end - 1}/{size}"}
        return StreamingResponse(self._objects.read(bucket, name, start, end), 206, headers=headers)


def _parts(content_type: str, body: bytes) -> tuple[dict[str, Any], str, bytes]:
    """The two parts of a multipart upload: what is said of the object, its type, and its content."""
    header = f"Content-Type: {content_type}\r\n\r\n".encode()
    about, content = BytesParser(policy=HTTP).parsebytes(header + body).iter_parts()
    said: Any = about.get_payload(decode=True)
    data: Any = content.get_payload(decode=True)
    return json.loads(said), content.get_content_type(), data


def _answering(handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return await handler(request)
        except StorageError as error:
            body = {"error": {"code": error.status, "message": error.message, "errors": []}}
            return JSONResponse(body, error.status)

    return endpoint

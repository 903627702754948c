"""HTTP at our own doors: a body of known size, and one way to refuse."""

from __future__ import annotations

from starlette.requests import Request


async def read_limited(request: Request, max_bytes: int) -> bytes | None:
    """The request's body, or None as soon as it is known to be larger than `max_bytes`."""
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > max_bytes:
        return None
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > max_bytes:
            return None
        chunks.append(chunk)
    return b"".join(chunks)

"""HTTP at our own doors: a body of known size, and one way to refuse."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse

from shared.platform.errors import AllimError

METHOD_NOT_ALLOWED = 405


def refused(error: AllimError) -> JSONResponse:
    """The answer to a caller whose request was not carried out."""
    headers = {"allow": "POST"} if error.status == METHOD_NOT_ALLOWED else None
    return JSONResponse({"error": error.told}, status_code=error.status, headers=headers)


def require_post(request: Request) -> None:
    """Raises AllimError: `method_not_allowed` (405), when the request is no POST."""
    if request.method != "POST":
        raise AllimError("method_not_allowed", "call it with POST", status=METHOD_NOT_ALLOWED)


async def read_limited(request: Request, max_bytes: int) -> bytes:
    """The request's body.

    Raises:
        AllimError: `too_large` (413), as soon as it is known to be larger than `max_bytes`.
        ClientDisconnect: the caller went away.
    """
    too_large = AllimError("too_large", f"a call has at most {max_bytes:,} bytes", status=413)
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > max_bytes:
        raise too_large
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > max_bytes:
            raise too_large
        chunks.append(chunk)
    return b"".join(chunks)

"""HTTP at our own doors: a body of known size, one way to refuse, and one to say that a function is well."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from shared.platform.errors import AllimError
from shared.platform.logs import log, log_for

METHOD_NOT_ALLOWED = 405

BODY_SECONDS = 30.0
"""For the whole of a body, unless told: from Google's own machines, the largest takes a moment."""

HEALTH_PATH = "/health"
"""Not `/healthz`: Cloud Run keeps paths that end with z to itself (https://cloud.google.com/run/docs/known-issues)."""

Endpoint = Callable[[Request], Awaitable[Response]]


def refused(error: AllimError) -> JSONResponse:
    """The answer to a caller whose request was not carried out. What is left of its body is not waited for."""
    headers = {"connection": "close"}
    if error.status == METHOD_NOT_ALLOWED:
        headers["allow"] = "POST"
    return JSONResponse({"error": error.told}, status_code=error.status, headers=headers)


def require_post(request: Request) -> None:
    """Raises AllimError: `method_not_allowed` (405), when the request is no POST."""
    if request.method != "POST":
        raise AllimError("method_not_allowed", "call it with POST", status=METHOD_NOT_ALLOWED)


async def carry_out(
    request: Request, work: Callable[[], Awaitable[Mapping[str, object]]], *, name: str, failed: str, told: str
) -> JSONResponse:
    """Answer a call of Cloud Scheduler, a POST without a body: with what some work came to, or refused. Whatever went
    wrong, the scheduler tries again.

    Args:
        request: the call.
        work: gives what is told of it.
        name: of the log.
        failed: the code (500) when it fails for a reason that is no AllimError.
        told: what the log says then.
    """
    log_for(request.headers)
    try:
        require_post(request)
        return JSONResponse(await work())
    except AllimError as error:
        return refused(error)
    except Exception as error:
        log(name).exception(told)
        return refused(AllimError(failed, type(error).__name__, status=500))


def too_slow(seconds: float) -> AllimError:
    """`too_slow` (408): a body that took longer than that, or too long for others to wait."""
    return AllimError("too_slow", f"the body of a call has to be there at once, and within {seconds:g} s", status=408)


async def read_limited(request: Request, max_bytes: int, *, seconds: float = BODY_SECONDS) -> bytes:
    """The request's body.

    Args:
        request: of whomever.
        max_bytes: that it may have.
        seconds: that all of it may take, however often a little of it comes.

    Raises:
        AllimError: `too_large` (413), as soon as it is known to be larger than `max_bytes`; `too_slow` (408).
        ClientDisconnect: the caller went away.
    """
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > max_bytes:
        raise _too_large(max_bytes)
    chunks, size = [], 0
    deadline = asyncio.timeout(seconds)
    try:
        async with deadline:
            async for chunk in request.stream():
                size += len(chunk)
                if size > max_bytes:
                    raise _too_large(max_bytes)
                chunks.append(chunk)
    except TimeoutError:
        raise too_slow(seconds) from None
    return b"".join(chunks)


def _too_large(max_bytes: int) -> AllimError:
    return AllimError("too_large", f"a call has at most {max_bytes:,} bytes", status=413)


def with_health(beats: Callable[[], Awaitable[bool]]) -> Callable[[Endpoint], Endpoint]:
    """Let a function that the internet calls answer `GET /health`: 200, or 503 `database_away`. All else is its own.

    Args:
        beats: whether its database answers. Strangers ask, so it must cost little.
    """

    def decorate(endpoint: Endpoint) -> Endpoint:
        @functools.wraps(endpoint)
        async def answering(request: Request) -> Response:
            if request.method != "GET" or request.url.path != HEALTH_PATH:
                return await endpoint(request)
            answer = JSONResponse({"database": "answers"}) if await beats() else refused(_DATABASE_AWAY)
            answer.headers["cache-control"] = "no-store"
            return answer

        return answering

    return decorate


_DATABASE_AWAY = AllimError("database_away", "the database does not answer", status=503)

"""What every door to the internet does around what it is there for."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from shared.platform.errors import AllimError
from shared.platform.http import Endpoint, refused, require_post
from shared.platform.logs import log, log_for

NOBODY_READS_THIS = 400


def door(endpoint: Callable[[Request], Awaitable[Response]]) -> Endpoint:
    """Let a function take calls by POST from anybody.

    Args:
        endpoint: takes one. An AllimError that it raises is the caller's answer. That the caller went away meanwhile is
            a line in the log: it happens, and whoever means harm makes it happen often.
    """
    source = endpoint.__name__

    @functools.wraps(endpoint)
    async def taking(request: Request) -> Response:
        log_for(request.headers)
        try:
            require_post(request)
            return await endpoint(request)
        except ClientDisconnect:
            log(source).info("the caller went away")
            return Response(status_code=NOBODY_READS_THIS)
        except AllimError as error:
            return refused(error)

    return taking

"""Is all well? GET / answers 200 or 503, and what was looked at."""

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import JSONResponse

from shared.bootstrap import clock, database
from shared.operations.health.checks import State, as_json, overall
from shared.operations.health.reading import examine
from shared.platform.logs import log_for

pool = database()


@functions_framework.aio.http
async def health(request: Request) -> JSONResponse:
    log_for(request.headers)
    looked = await examine(pool, clock)
    status = 503 if overall(looked) is State.FAIL else 200
    return JSONResponse(as_json(looked, clock.now()), status, headers={"cache-control": "no-store"})

"""Is all well? GET / answers 200 or 503, and what was looked at."""

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import JSONResponse

from shared.bootstrap import Parts, database
from shared.operations.health.checks import State, as_json, overall
from shared.operations.health.reading import examine
from shared.platform.logs import log_for

parts = Parts.of_this_process()
pool = database(parts)


@functions_framework.aio.http
async def health(request: Request) -> JSONResponse:
    log_for(request.headers)
    looked = await examine(pool, parts.clock)
    status = 503 if overall(looked) is State.FAIL else 200
    return JSONResponse(as_json(looked, parts.clock.now()), status, headers={"cache-control": "no-store"})

"""Everything is backed up into a bucket, once a day however often this is called."""

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import JSONResponse

from shared.bootstrap import backups
from shared.platform.logs import log, log_for

nightly = backups()


@functions_framework.aio.http
async def backup(request: Request) -> JSONResponse:
    log_for(request.headers)
    try:
        manifest = await nightly.take()
    except Exception as error:  # whatever it was, the scheduler tries again
        log("backup").exception("no backup")
        return JSONResponse({"error": {"code": "not_backed_up", "message": type(error).__name__}}, status_code=500)
    return JSONResponse({"day": manifest.day.isoformat(), "rows": manifest.rows, "bytes": manifest.bytes})

"""Everything is backed up into a bucket, once a day however often this is called."""

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import JSONResponse

from shared.bootstrap import Parts, backups
from shared.platform.errors import AllimError
from shared.platform.http import refused, require_post
from shared.platform.logs import log, log_for

nightly = backups(Parts.of_this_process())


@functions_framework.aio.http
async def backup(request: Request) -> JSONResponse:
    log_for(request.headers)
    try:
        require_post(request)
        manifest = await nightly.back_up()
    except AllimError as error:
        return refused(error)
    except Exception as error:  # whatever it was, the scheduler tries again
        log("backup").exception("no backup")
        return refused(AllimError("not_backed_up", type(error).__name__, status=500))
    return JSONResponse({"day": manifest.day.isoformat(), "rows": manifest.rows, "bytes": manifest.bytes})

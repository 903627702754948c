"""What has lived its life leaves, and months are made ahead."""

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import JSONResponse

from shared.bootstrap import Parts, retaining
from shared.platform.errors import AllimError
from shared.platform.http import refused, require_post
from shared.platform.logs import log, log_for

nightly = retaining(Parts.of_this_process())


@functions_framework.aio.http
async def retention(request: Request) -> JSONResponse:
    log_for(request.headers)
    try:
        require_post(request)
        night = await nightly.run()
    except AllimError as error:
        return refused(error)
    except Exception as error:  # whatever it was, the scheduler tries again
        log("retention").exception("nothing has left")
        return refused(AllimError("not_all_tended", type(error).__name__, status=500))
    return JSONResponse(
        {"made": night.made, "dropped": night.dropped, "kept": night.kept, "gone": night.gone, "busy": night.busy}
    )

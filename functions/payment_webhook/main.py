"""Toss Payments tells of payments here. Its word is not believed: the payment is fetched. GET /health: all there?"""

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import JSONResponse

from shared.bootstrap import Parts, payments, pulse
from shared.platform.errors import AllimError
from shared.platform.http import read_limited, refused, require_post, with_health
from shared.platform.logs import log_for

MAX_WEBHOOK_BYTES = 100_000

parts = Parts.of_this_process()
paid = payments(parts)


@functions_framework.aio.http
@with_health(pulse(parts).beats)
async def payment_webhook(request: Request) -> JSONResponse:
    log_for(request.headers)
    try:
        require_post(request)
        body = await read_limited(request, MAX_WEBHOOK_BYTES)
        await paid.receive_webhook(request.headers, body)
    except AllimError as error:
        return refused(error)
    return JSONResponse({"taken": True})

"""Toss Payments tells of payments here. Its word is not believed: the payment is fetched."""

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import JSONResponse

from shared.bootstrap import Parts, payments
from shared.platform.errors import AllimError
from shared.platform.http import read_limited, refused
from shared.platform.logs import log_for

MAX_WEBHOOK_BYTES = 100_000

paid = payments(Parts.of_this_process())


@functions_framework.aio.http
async def payment_webhook(request: Request) -> JSONResponse:
    log_for(request.headers)
    try:
        body = await read_limited(request, MAX_WEBHOOK_BYTES)
        await paid.receive_webhook(request.headers, body)
    except AllimError as error:
        return refused(error)
    return JSONResponse({"taken": True})

"""Providers report here: POST /<provider>/<tenant>/<account>. GET /health: does the database answer?"""

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import JSONResponse

from shared.bootstrap import Parts, pulse, webhooks
from shared.messages.reports.webhooks import MAX_WEBHOOK_BYTES
from shared.platform.errors import AllimError
from shared.platform.http import read_limited, refused, require_post, with_health
from shared.platform.logs import log_for

parts = Parts.of_this_process()
calls = webhooks(parts)


@functions_framework.aio.http
@with_health(pulse(parts).beats)
async def provider_webhook(request: Request) -> JSONResponse:
    log_for(request.headers)
    try:
        require_post(request)
        body = await read_limited(request, MAX_WEBHOOK_BYTES)
        await calls.receive(request.url.path, request.headers, body)
    except AllimError as error:
        return refused(error)
    return JSONResponse({"taken": True})

"""Providers report here: POST /<provider>/<tenant>/<account>."""

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import JSONResponse

from shared.bootstrap import Parts, webhooks
from shared.messages.reports.webhooks import MAX_WEBHOOK_BYTES
from shared.platform.errors import AllimError
from shared.platform.http import read_limited, refused
from shared.platform.logs import log_for

calls = webhooks(Parts.of_this_process())


@functions_framework.aio.http
async def provider_webhook(request: Request) -> JSONResponse:
    log_for(request.headers)
    try:
        body = await read_limited(request, MAX_WEBHOOK_BYTES)
        await calls.receive(request.url.path, request.headers, body)
    except AllimError as error:
        return refused(error)
    return JSONResponse({"taken": True})

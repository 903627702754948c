"""Providers report here: POST /<provider>/<tenant>/<account>. GET /health: does the database answer?"""

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import JSONResponse

from shared.bootstrap import Parts, pulse, webhooks
from shared.messages.reports.webhooks import MAX_WEBHOOK_BYTES
from shared.platform.doors.bodies import Bodies
from shared.platform.doors.endpoint import door
from shared.platform.doors.sources import source_of
from shared.platform.http import with_health

parts = Parts.of_this_process()
calls = webhooks(parts)
bodies = Bodies()


@functions_framework.aio.http
@with_health(pulse(parts).beats)
@door
async def provider_webhook(request: Request) -> JSONResponse:
    source = source_of(request)
    account = await calls.let_in(request.url.path, request.headers, source)
    await calls.receive(account, request.headers, await bodies.read(request, MAX_WEBHOOK_BYTES, source))
    return JSONResponse({"taken": True})

"""Toss Payments tells of payments here. Its word is not believed: the order is looked at. GET /health: all there?"""

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import JSONResponse

from shared.bootstrap import Parts, payment_calls, pulse
from shared.platform.doors.bodies import Bodies
from shared.platform.doors.endpoint import door
from shared.platform.doors.sources import source_of
from shared.platform.http import with_health

MAX_WEBHOOK_BYTES = 100_000

parts = Parts.of_this_process()
calls = payment_calls(parts)
bodies = Bodies()


@functions_framework.aio.http
@with_health(pulse(parts).beats)
@door
async def payment_webhook(request: Request) -> JSONResponse:
    await calls.receive(await bodies.read(request, MAX_WEBHOOK_BYTES, source_of(request)))
    return JSONResponse({"taken": True})

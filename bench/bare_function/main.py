"""The least that a function can do with a push: decode its envelope and acknowledge."""

import base64

import functions_framework.aio
import orjson
from starlette.requests import Request
from starlette.responses import Response


@functions_framework.aio.http
async def bare_function(request: Request) -> Response:
    envelope = orjson.loads(await request.body())
    orjson.loads(base64.b64decode(envelope["message"]["data"]))
    return Response(status_code=204)

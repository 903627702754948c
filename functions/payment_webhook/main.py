"""Toss Payments tells of payments here. Its word is not believed: the payment is fetched."""

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import JSONResponse

from shared.bootstrap import payments
from shared.credits.errors import CreditError
from shared.platform.http import read_limited
from shared.platform.logs import log_for
from shared.providers import ProviderError

MAX_WEBHOOK_BYTES = 100_000
STATUS_OF = {"malformed": 400, "unknown_order": 404, "wrong_secret": 401}

paid = payments()


@functions_framework.aio.http
async def payment_webhook(request: Request) -> JSONResponse:
    log_for(request.headers)
    body = await read_limited(request, MAX_WEBHOOK_BYTES)
    if body is None:
        return _refused(413, "too_large", f"a call has at most {MAX_WEBHOOK_BYTES:,} bytes")
    try:
        await paid.take_webhook(request.headers, body)
    except CreditError as error:
        return _refused(STATUS_OF.get(error.code, 409), error.code, error.detail)
    except ProviderError as error:
        return _refused(503, "toss_unavailable", str(error))
    return JSONResponse({"taken": True})


def _refused(status: int, code: str, detail: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": detail}}, status_code=status)

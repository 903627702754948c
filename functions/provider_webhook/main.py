"""Providers report here: POST /<provider>/<tenant>/<account>."""

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import JSONResponse

from shared.bootstrap import webhooks
from shared.messages.reports.webhooks import MAX_WEBHOOK_BYTES, WebhookRefused
from shared.platform.http import read_limited
from shared.platform.logs import log_for

calls = webhooks()


@functions_framework.aio.http
async def provider_webhook(request: Request) -> JSONResponse:
    log_for(request.headers)
    body = await read_limited(request, MAX_WEBHOOK_BYTES)
    if body is None:
        return _refused(413, "too_large", f"a call has at most {MAX_WEBHOOK_BYTES:,} bytes")
    try:
        await calls.take(request.url.path, request.headers, body)
    except WebhookRefused as refused:
        return _refused(refused.status, refused.code, refused.detail)
    return JSONResponse({"taken": True})


def _refused(status: int, code: str, detail: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": detail}}, status_code=status)

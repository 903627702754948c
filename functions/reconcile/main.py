"""The ledger is audited, and whoever must know hears of a difference."""

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import JSONResponse

from shared.bootstrap import reconciliation
from shared.platform.logs import log, log_for

daily = reconciliation()


@functions_framework.aio.http
async def reconcile(request: Request) -> JSONResponse:
    log_for(request.headers)
    try:
        figures = await daily.audit()
    except Exception as error:  # whatever it was, the scheduler tries again
        log("reconcile").exception("not audited")
        return JSONResponse({"error": {"code": "not_audited", "message": type(error).__name__}}, status_code=500)
    return JSONResponse({name: float(figure) for name, figure in figures.items()})

"""The ledger is audited, and whoever must know hears of a difference."""

from dataclasses import asdict

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import JSONResponse

from shared.bootstrap import Parts, reconciliation
from shared.platform.errors import AllimError
from shared.platform.http import refused, require_post
from shared.platform.logs import log, log_for

daily = reconciliation(Parts.of_this_process())


@functions_framework.aio.http
async def reconcile(request: Request) -> JSONResponse:
    log_for(request.headers)
    try:
        require_post(request)
        found = await daily.audit()
    except AllimError as error:
        return refused(error)
    except Exception as error:  # whatever it was, the scheduler tries again
        log("reconcile").exception("not audited")
        return refused(AllimError("not_audited", type(error).__name__, status=500))
    return JSONResponse({name: float(figure) for name, figure in asdict(found).items()})

"""The ledger is audited, and whoever must know hears of a difference."""

from dataclasses import asdict

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import JSONResponse

from shared.bootstrap import Parts, reconciliation
from shared.platform.http import carry_out

daily = reconciliation(Parts.of_this_process())


@functions_framework.aio.http
async def reconcile(request: Request) -> JSONResponse:
    return await carry_out(request, _audit, name="reconcile", failed="not_audited", told="not audited")


async def _audit() -> dict[str, object]:
    return {name: float(figure) for name, figure in asdict(await daily.audit()).items()}

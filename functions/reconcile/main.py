"""The ledger is audited, and the last days' bills are compared; whoever must know hears of a difference."""

from dataclasses import asdict

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import JSONResponse

from shared.bootstrap import Parts, invoices, reconciliation
from shared.platform.http import carry_out

parts = Parts.of_this_process()
daily, bills = reconciliation(parts), invoices(parts)


@functions_framework.aio.http
async def reconcile(request: Request) -> JSONResponse:
    return await carry_out(request, _audit, name="reconcile", failed="not_audited", told="not audited")


async def _audit() -> dict[str, object]:
    audit = await daily.audit()
    night = await bills.reconcile()
    return {name: float(figure) for name, figure in asdict(audit).items()} | {"invoices": night._asdict()}

"""Everything is backed up into a bucket, once a day however often this is called."""

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import JSONResponse

from shared.bootstrap import Parts, backups
from shared.platform.http import carry_out

nightly = backups(Parts.of_this_process())


@functions_framework.aio.http
async def backup(request: Request) -> JSONResponse:
    return await carry_out(request, _back_up, name="backup", failed="not_backed_up", told="no backup")


async def _back_up() -> dict[str, object]:
    manifest = await nightly.back_up()
    return {"day": manifest.day.isoformat(), "rows": manifest.rows, "bytes": manifest.bytes}

"""What has lived its life leaves, and months are made ahead."""

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import JSONResponse

from shared.bootstrap import Parts, retaining
from shared.platform.http import carry_out

nightly = retaining(Parts.of_this_process())


@functions_framework.aio.http
async def retention(request: Request) -> JSONResponse:
    return await carry_out(request, _tend, name="retention", failed="not_all_tended", told="nothing has left")


async def _tend() -> dict[str, object]:
    night = await nightly.run()
    return {
        "made": night.made,
        "dropped": night.dropped,
        "uncopied": night.uncopied,
        "kept": night.kept,
        "gone": night.gone,
        "forgotten": night.forgotten,
        "busy": night.busy,
    }

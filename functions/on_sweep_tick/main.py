"""A minute of sweeps: what has waited too long is taken up again, whoever has to be asked about it."""

import functions_framework.aio

from shared.bootstrap import Parts, dead_letters, sweeps
from shared.platform.pubsub.push import Pushed, push_raw

parts = Parts.of_this_process()
minute = sweeps(parts)


@functions_framework.aio.http
@push_raw(dead_letters=dead_letters(parts))
async def on_sweep_tick(_: Pushed) -> None:
    await minute.hold()

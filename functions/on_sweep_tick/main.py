"""A minute of sweeps: what has waited too long is taken up again, whoever has to be asked about it."""

import functions_framework.aio

from shared.bootstrap import Parts, dead_letters, sweeps
from shared.contracts import Tick
from shared.platform.pubsub.push import push

parts = Parts.of_this_process()
minute = sweeps(parts)


@functions_framework.aio.http
@push(Tick, dead_letters=dead_letters(parts))
async def on_sweep_tick(_: Tick) -> None:
    await minute.hold()

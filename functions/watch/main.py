"""Each minute: is all well? What is not is told to people, once in ten minutes at most."""

import functions_framework.aio

from shared.bootstrap import database
from shared.bootstrap import watch as bootstrap_watch
from shared.contracts import Tick
from shared.platform.pubsub.push import push

watching = bootstrap_watch()


@functions_framework.aio.http
@push(Tick, dead_letters=database)
async def watch(_: Tick) -> None:
    await watching.look()

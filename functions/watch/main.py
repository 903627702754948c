"""Each minute: is all well? What is not is told to people, once in ten minutes at most."""

import functions_framework.aio

from shared.bootstrap import Parts, dead_letters
from shared.bootstrap import watch as watch_of
from shared.platform.pubsub.push import Pushed, push_raw

parts = Parts.of_this_process()
watcher = watch_of(parts)


@functions_framework.aio.http
@push_raw(dead_letters=dead_letters(parts))
async def watch(_: Pushed) -> None:
    await watcher.look()

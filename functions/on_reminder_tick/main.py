"""A minute of reminders: due steps speak, and what has waited too long is taken up again."""

import functions_framework.aio

from shared.bootstrap import database, ticker
from shared.contracts import Tick
from shared.platform.pubsub.push import push

minute = ticker()


@functions_framework.aio.http
@push(Tick, dead_letters=database)
async def on_reminder_tick(_: Tick) -> None:
    await minute.hold()

"""A minute of reminders: due steps speak, and tickets that nobody consumed are published again."""

import functions_framework.aio

from shared.bootstrap import Parts, dead_letters, ticker
from shared.platform.pubsub.push import Pushed, push_raw

parts = Parts.of_this_process()
minute = ticker(parts)


@functions_framework.aio.http
@push_raw(dead_letters=dead_letters(parts))
async def on_reminder_tick(_: Pushed) -> None:
    await minute.hold()

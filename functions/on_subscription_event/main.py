"""A subscription event becomes messages and timers."""

import functions_framework.aio

from shared.bootstrap import Parts, dead_letters, intake
from shared.contracts.events import MAX_EVENT_BYTES, SubscriptionEvent
from shared.platform.pubsub.push import push

parts = Parts.of_this_process()
events = intake(parts)


@functions_framework.aio.http
@push(SubscriptionEvent, dead_letters=dead_letters(parts), max_bytes=MAX_EVENT_BYTES)
async def on_subscription_event(event: SubscriptionEvent) -> None:
    await events.receive(event)

"""A subscription event becomes messages and timers."""

import functions_framework.aio

from shared.bootstrap import database, event_intake
from shared.contracts import MAX_EVENT_BYTES, SubscriptionEvent
from shared.platform.pubsub.push import push

intake = event_intake()


@functions_framework.aio.http
@push(SubscriptionEvent, dead_letters=database, max_bytes=MAX_EVENT_BYTES)
async def on_subscription_event(event: SubscriptionEvent) -> None:
    await intake.receive(event)

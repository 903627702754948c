"""What Pub/Sub gave up on after five tries is kept as a dead letter."""

import functions_framework.aio

from shared.bootstrap import database
from shared.platform.pubsub.push import Pushed, push_raw
from shared.platform.signals.dead_letters import Poison


@functions_framework.aio.http
@push_raw(dead_letters=database)
async def on_dead_letter(pushed: Pushed) -> None:
    subscription = pushed.attributes.get("CloudPubSubDeadLetterSourceSubscription", "a subscription")
    tries = pushed.attributes.get("CloudPubSubDeadLetterSourceDeliveryCount", "all its")
    raise Poison("undeliverable", f"{subscription} gave it up after {tries} tries")

"""What Pub/Sub gave up on after twenty tries is kept as a dead letter."""

import functions_framework.aio

from shared.bootstrap import Parts, dead_letters
from shared.platform.pubsub.push import Pushed, push_raw
from shared.platform.signals.dead_letters import Poison

kept = dead_letters(Parts.of_this_process())


@functions_framework.aio.http
@push_raw(dead_letters=kept)
async def on_dead_letter(pushed: Pushed) -> None:
    subscription = pushed.attributes.get("CloudPubSubDeadLetterSourceSubscription", "a subscription")
    tries = pushed.attributes.get("CloudPubSubDeadLetterSourceDeliveryCount", "all its")
    raise Poison("undeliverable", f"{subscription} gave it up after {tries} tries")

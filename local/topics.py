"""The topics of the product and where their messages are pushed, on a local broker; in the cloud Terraform makes them.

Run as ``python -m local.topics '{"on_send_request": "http://127.0.0.1:20001", …}'`` with the address of each function;
it needs GOOGLE_CLOUD_PROJECT and PUBSUB_EMULATOR_HOST.
"""

import json
import os
import sys
from collections.abc import Mapping

from local.functions import FUNCTION_OF_TOPIC
from local.topology import DEFAULT_RETENTION_SECONDS, PushSubscription, Topic, Topology, create
from shared.platform.pubsub import REMINDER_TICKS, SWEEP_TICKS, WATCH_TICKS

DEAD_LETTERS = "dead-letters"
MAX_DELIVERY_ATTEMPTS = 20
"""Then a message becomes a dead letter, after some two hours: a database may be away for one without a person."""

FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS = 1, 600
"""Before a refused message comes again, doubling. In the cloud the first wait is Pub/Sub's own, 10 seconds; here a
function that was killed is soon back."""

TICKS = frozenset({REMINDER_TICKS, SWEEP_TICKS, WATCH_TICKS})

NEVER_GIVEN_UP = TICKS | {DEAD_LETTERS}
"""The topics without dead letters: those themselves, and ticks, for one that could not be held is worth nothing."""

TICKS_KEPT_SECONDS = 600
"""Or the ticks of an hour without a database would all be held at once when it is back."""

_ACK_DEADLINE_SECONDS = dict.fromkeys((REMINDER_TICKS, SWEEP_TICKS), 120)  # held for a minute


def topology(addresses: Mapping[str, str]) -> Topology:
    """All topics, with a push subscription of the same name to each function that has an address."""
    subscriptions = tuple(
        PushSubscription(
            id=topic,
            topic=topic,
            endpoint=addresses[function],
            ack_deadline_seconds=_ACK_DEADLINE_SECONDS.get(topic, 60),
            min_backoff_seconds=FIRST_BACKOFF_SECONDS,
            max_backoff_seconds=LONGEST_BACKOFF_SECONDS,
            retention_seconds=TICKS_KEPT_SECONDS if topic in TICKS else DEFAULT_RETENTION_SECONDS,
            dead_letter_topic=None if topic in NEVER_GIVEN_UP else DEAD_LETTERS,
            max_delivery_attempts=MAX_DELIVERY_ATTEMPTS,
        )
        for topic, function in FUNCTION_OF_TOPIC.items()
        if function in addresses
    )
    return Topology(tuple(Topic(topic) for topic in FUNCTION_OF_TOPIC), subscriptions)


if __name__ == "__main__":
    create(topology(json.loads(sys.argv[1])), os.environ["PUBSUB_EMULATOR_HOST"], os.environ["GOOGLE_CLOUD_PROJECT"])

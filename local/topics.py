"""The topics of the product and where their messages are pushed, on a local broker; in the cloud Terraform makes them.

Run as ``python -m local.topics '{"on_send_request": "http://127.0.0.1:20001", …}' publishers.json`` with the address of
each function and the file of the publishers that are bound; it needs GOOGLE_CLOUD_PROJECT and PUBSUB_EMULATOR_HOST.
"""

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from local.functions import FUNCTION_OF_TOPIC
from local.home import write_private
from local.topology import DEFAULT_RETENTION_SECONDS, PullSubscription, PushSubscription, Topic, Topology, create
from shared.platform.pubsub import REMINDER_TICKS, SUBSCRIPTION_EVENTS, SWEEP_TICKS, WATCH_TICKS
from shared.platform.pubsub.publishers import Bound

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


def topology(addresses: Mapping[str, str], publishers: Sequence[Bound] = ()) -> Topology:
    """All topics, with a push subscription of the same name to each function that has an address; also of each of the
    publishers that are bound."""
    topics = [Topic(topic) for topic in FUNCTION_OF_TOPIC]
    subscriptions: list[PushSubscription | PullSubscription] = [
        _pushed(topic, addresses[function]) for topic, function in FUNCTION_OF_TOPIC.items() if function in addresses
    ]
    for publisher in publishers:
        more = topic_of(publisher, addresses)
        topics += more.topics
        subscriptions += more.subscriptions
    return Topology(tuple(topics), tuple(subscriptions))


def topic_of(publisher: Bound, addresses: Mapping[str, str]) -> Topology:
    """The topic of a publisher, and its subscription, which pushes to an address that says what it is bound to."""
    function = addresses.get(FUNCTION_OF_TOPIC[SUBSCRIPTION_EVENTS])
    pushed = () if function is None else (_pushed(publisher.topic, function + publisher.address),)
    return Topology((Topic(publisher.topic),), pushed)


def _pushed(topic: str, endpoint: str) -> PushSubscription:
    return PushSubscription(
        id=topic,
        topic=topic,
        endpoint=endpoint,
        ack_deadline_seconds=_ACK_DEADLINE_SECONDS.get(topic, 60),
        min_backoff_seconds=FIRST_BACKOFF_SECONDS,
        max_backoff_seconds=LONGEST_BACKOFF_SECONDS,
        retention_seconds=TICKS_KEPT_SECONDS if topic in TICKS else DEFAULT_RETENTION_SECONDS,
        dead_letter_topic=None if topic in NEVER_GIVEN_UP else DEAD_LETTERS,
        max_delivery_attempts=MAX_DELIVERY_ATTEMPTS,
    )


def read_publishers(file: Path) -> list[Bound]:
    """The publishers of this machine that are bound, by name. In the cloud Terraform has them."""
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return [Bound(name, tuple(bounds["tenants"]), tuple(bounds["sources"])) for name, bounds in sorted(kept.items())]


def write_publishers(file: Path, publishers: Iterable[Bound]) -> None:
    """Keep them for the next start; until then whoever changes them tells the broker."""
    kept = {each.name: {"tenants": each.tenants, "sources": each.sources} for each in publishers}
    write_private(file, json.dumps(kept, ensure_ascii=False, indent=2))


if __name__ == "__main__":
    wanted = topology(json.loads(sys.argv[1]), read_publishers(Path(sys.argv[2])))
    create(wanted, os.environ["PUBSUB_EMULATOR_HOST"], os.environ["GOOGLE_CLOUD_PROJECT"])

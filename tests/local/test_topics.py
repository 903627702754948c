"""The topics of one machine forgive what those of the cloud forgive."""

from __future__ import annotations

import pytest

from local.functions import FUNCTION_OF_TOPIC
from local.topics import NEVER_GIVEN_UP, topology
from local.topology import PushSubscription
from simulator.pubsub.delivery.backlog import Policy
from tests.outages import HOUR, is_taken_in_the_end

ADDRESSES = {function: f"http://127.0.0.1/{function}" for function in FUNCTION_OF_TOPIC.values()}


@pytest.mark.parametrize("topic", sorted(FUNCTION_OF_TOPIC.keys() - NEVER_GIVEN_UP))
def test_a_message_outlives_an_hour_without_a_database(topic: str) -> None:
    [pushed] = [each for each in topology(ADDRESSES).subscriptions if each.id == topic]
    assert isinstance(pushed, PushSubscription)
    policy = Policy(
        min_backoff=pushed.min_backoff_seconds,
        max_backoff=pushed.max_backoff_seconds,
        dead_letter_topic=pushed.dead_letter_topic,
        max_attempts=pushed.max_delivery_attempts,
    )
    assert policy.dead_letter_topic is not None
    assert is_taken_in_the_end(policy, away=HOUR)


def test_five_tries_would_not_do() -> None:
    policy = Policy(min_backoff=10, max_backoff=600, dead_letter_topic="dead-letters", max_attempts=5)
    assert is_taken_in_the_end(policy, away=60)
    assert not is_taken_in_the_end(policy, away=HOUR)

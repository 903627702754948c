"""What the broker itself refuses, and how it keeps to its memory when subscribers don't keep up."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.pubsub_v1 import types

from simulator.pubsub.broker import Broker
from simulator.pubsub.errors import InvalidArgumentError, ResourceExhaustedError, UnimplementedError

TOPIC, SUBSCRIPTION = "projects/p/topics/topic", "projects/p/subscriptions/subscription"


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    broker = Broker(memory_bytes=100_000, max_outstanding=10)
    broker.create_topic(types.Topic.pb()(name=TOPIC))
    broker.create_subscription(types.Subscription.pb()(name=SUBSCRIPTION, topic=TOPIC))
    yield broker
    broker.close()


def request(number: int) -> Any:
    return types.PublishRequest.pb()(topic=TOPIC, messages=[{"data": b"x" * 1000}] * number)


async def test_a_full_broker_refuses_the_whole_request_and_loses_nothing(broker: Broker) -> None:
    broker.publish(request(50))
    before = broker.stats()

    with pytest.raises(ResourceExhaustedError, match="full"):
        broker.publish(request(50))

    assert broker.stats()["memory_bytes"] == before["memory_bytes"]
    assert broker.stats()["subscriptions"][SUBSCRIPTION]["backlog"] == 50


async def test_acknowledging_makes_room_again(broker: Broker) -> None:
    broker.publish(request(50))
    subscription = broker.subscription(SUBSCRIPTION)

    subscription.acknowledge([lease.ack_id for lease in subscription.lease(1000)])

    assert broker.memory.used == 0
    broker.publish(request(50))


async def test_deleting_a_subscription_makes_room_again(broker: Broker) -> None:
    broker.publish(request(50))

    broker.delete_subscription(SUBSCRIPTION)

    assert broker.memory.used == 0


@pytest.mark.parametrize("url", ["ftp://a/", "http://", "http://a:0/", "http://a:port/", "http://[::1/", "//a/"])
async def test_an_address_that_is_none_is_refused(broker: Broker, url: str) -> None:
    config = types.Subscription.pb()(name=f"{SUBSCRIPTION}-2", topic=TOPIC, push_config={"push_endpoint": url})

    with pytest.raises(InvalidArgumentError, match="endpoint"):
        broker.create_subscription(config)


async def test_messages_that_nobody_wants_take_no_room(broker: Broker) -> None:
    broker.delete_subscription(SUBSCRIPTION)
    config = types.Subscription.pb()(name=SUBSCRIPTION, topic=TOPIC, filter="attributes:wanted")
    broker.create_subscription(config)

    broker.publish(request(500))

    assert broker.memory.used == 0


@pytest.mark.parametrize(
    "feature",
    [
        {"enable_exactly_once_delivery": True},
        {"bigquery_config": {"table": "p.d.t"}},
        {"cloud_storage_config": {"bucket": "b"}},
    ],
    ids=lambda feature: next(iter(feature)),
)
async def test_what_only_the_cloud_can_do_is_refused_and_not_ignored(broker: Broker, feature: dict[str, Any]) -> None:
    with pytest.raises(UnimplementedError, match=next(iter(feature))):
        broker.create_subscription(types.Subscription.pb()(name=f"{SUBSCRIPTION}-2", topic=TOPIC, **feature))

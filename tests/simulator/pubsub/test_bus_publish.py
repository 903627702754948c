"""Publishing: what is taken, what is refused, and what a subscriber then sees of it."""

import datetime as dt

import pytest
from google.api_core import exceptions
from google.cloud import pubsub_v1
from google.pubsub_v1 import types

from tests.simulator.client import now_there
from tests.simulator.pubsub.conftest import Bus, numbered


def test_a_message_arrives_as_it_was_published(bus: Bus) -> None:
    topic = bus.topic()
    name = bus.subscribe(topic)
    before = now_there()

    [message_id] = bus.publish(
        topic, types.PubsubMessage(data="알림".encode(), attributes={"종류": "예약", "n": "1"}, ordering_key="k")
    )

    [received] = bus.pull(name)
    message = received.message
    assert message.data.decode() == "알림"
    assert dict(message.attributes) == {"종류": "예약", "n": "1"}
    assert message.ordering_key == "k"
    assert message.message_id == message_id
    rounding = dt.timedelta(seconds=1)
    assert before - rounding <= message.publish_time <= now_there() + rounding
    assert received.delivery_attempt == 0


def test_every_subscription_gets_its_own_copy(bus: Bus) -> None:
    topic = bus.topic()
    one, other = bus.subscribe(topic), bus.subscribe(topic)
    bus.publish(topic, types.PubsubMessage(data=b"x"))

    bus.acknowledge(one, *bus.pull(one))

    assert [received.message.data for received in bus.pull(other)] == [b"x"]


def test_a_subscription_sees_only_what_is_published_after_it_was_made(bus: Bus) -> None:
    topic = bus.topic()
    bus.publish(topic, types.PubsubMessage(data=b"before"))
    name = bus.subscribe(topic)
    bus.publish(topic, types.PubsubMessage(data=b"after"))

    assert [received.message.data for received in bus.pull(name)] == [b"after"]


def test_the_batching_client_publishes_thousands_each_with_its_own_id(
    bus: Bus, stock_publisher: pubsub_v1.PublisherClient
) -> None:
    topic = bus.topic()
    name = bus.subscribe(topic, ack_deadline_seconds=60)

    futures = [stock_publisher.publish(topic, b"x", n=str(n)) for n in range(3000)]
    ids = {future.result(timeout=30) for future in futures}

    assert len(ids) == 3000
    seen: set[str] = set()
    while len(seen) < 3000:
        received = bus.pull(name, 1000)
        assert received
        bus.acknowledge(name, *received)
        seen.update(one.message.attributes["n"] for one in received)


def test_a_thousand_messages_are_the_most_in_a_request(bus: Bus) -> None:
    topic = bus.topic()
    message = types.PubsubMessage(data=b"x")

    assert len(bus.publish(topic, *[message] * 1000)) == 1000
    with pytest.raises(exceptions.InvalidArgument):
        bus.publish(topic, *[message] * 1001)


def test_an_empty_message_or_request_is_refused_as_a_whole(bus: Bus) -> None:
    topic = bus.topic()
    name = bus.subscribe(topic)

    with pytest.raises(exceptions.InvalidArgument):
        bus.publish(topic)
    with pytest.raises(exceptions.InvalidArgument):
        bus.publish(topic, types.PubsubMessage(data=b"x"), types.PubsubMessage())
    with pytest.raises(exceptions.InvalidArgument):
        bus.publish(topic, types.PubsubMessage(ordering_key="a key is no content"))
    assert bus.pull(name, wait=False) == []


def test_a_message_may_be_attributes_alone(bus: Bus) -> None:
    topic = bus.topic()
    name = bus.subscribe(topic)

    bus.publish(topic, *numbered(range(1)))

    assert dict(bus.pull(name)[0].message.attributes) == {"n": "0"}


def test_publishing_to_an_unknown_topic_is_refused(bus: Bus) -> None:
    with pytest.raises(exceptions.NotFound):
        bus.publish(bus.new_name("topics"), types.PubsubMessage(data=b"x"))


@pytest.mark.parametrize(
    "message",
    [
        types.PubsubMessage(attributes={f"k{n}": "v" for n in range(101)}),
        types.PubsubMessage(attributes={"k" * 257: "v"}),
        types.PubsubMessage(attributes={"": "v"}),
        types.PubsubMessage(attributes={"google-thing": "v"}),
        types.PubsubMessage(attributes={"k": "v" * 1025}),
        types.PubsubMessage(data=b"x", ordering_key="k" * 1025),
        types.PubsubMessage(data=b"x" * 10_000_001),
    ],
    ids=["101 attributes", "long key", "empty key", "goog key", "long value", "long ordering key", "10 MB"],
)
def test_a_message_beyond_the_limits_is_refused(bus: Bus, message: types.PubsubMessage) -> None:
    bus.emulator_differs("it has no limits for attributes, ordering keys and bytes")
    with pytest.raises(exceptions.InvalidArgument):
        bus.publish(bus.topic(), message)


def test_a_message_at_the_limits_is_taken(bus: Bus) -> None:
    topic = bus.topic()
    name = bus.subscribe(topic)
    attributes = {f"{n:03}".ljust(256, "k"): "v" * 1024 for n in range(100)}

    bus.publish(topic, types.PubsubMessage(data=b"x" * 9_000_000, attributes=attributes, ordering_key="k" * 1024))

    [received] = bus.pull(name)
    assert len(received.message.data) == 9_000_000
    assert dict(received.message.attributes) == attributes

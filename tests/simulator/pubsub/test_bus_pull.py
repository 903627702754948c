"""Pull and streaming pull."""

import threading
from concurrent.futures import TimeoutError as FutureTimeoutError

import pytest
from google.api_core import exceptions
from google.cloud import pubsub_v1
from google.pubsub_v1 import types

from tests.simulator.pubsub.conftest import Bus, numbered, wait_until


def test_an_acknowledged_message_does_not_come_again(bus: Bus) -> None:
    topic = bus.topic()
    name = bus.subscribe(topic)
    bus.publish(topic, *numbered(range(2)))
    first, second = bus.pull(name)

    bus.acknowledge(name, first)
    bus.nack(name, first, second)

    assert [received.message.message_id for received in bus.pull(name)] == [second.message.message_id]


def test_a_message_given_back_comes_again_at_once(bus: Bus) -> None:
    topic = bus.topic()
    name = bus.subscribe(topic, ack_deadline_seconds=600)
    bus.publish(topic, types.PubsubMessage(data=b"x"))

    for _ in range(3):
        [received] = bus.pull(name)
        bus.nack(name, received)

    assert len(bus.pull(name)) == 1


def test_a_message_held_past_its_deadline_comes_again(bus: Bus) -> None:
    topic = bus.topic()
    name = bus.subscribe(topic, ack_deadline_seconds=600)
    bus.publish(topic, types.PubsubMessage(data=b"x"))
    [received] = bus.pull(name)
    assert bus.pull(name, wait=False) == []

    bus.prolong(name, 1, received)

    assert [again.message.message_id for again in bus.pull(name)] == [received.message.message_id]


def test_a_pull_brings_no_more_than_asked_for(bus: Bus) -> None:
    topic = bus.topic()
    name = bus.subscribe(topic)
    bus.publish(topic, *numbered(range(5)))

    received = bus.pull(name, 2)

    assert 1 <= len(received) <= 2


def test_a_pull_waits_for_a_message(bus: Bus) -> None:
    topic = bus.topic()
    name = bus.subscribe(topic)
    received: list[types.ReceivedMessage] = []
    puller = threading.Thread(target=lambda: received.extend(bus.pull(name)))
    puller.start()

    bus.publish(topic, types.PubsubMessage(data=b"x"))
    puller.join(timeout=20)

    assert [one.message.data for one in received] == [b"x"]


def test_senseless_requests_are_refused(bus: Bus) -> None:
    name = bus.subscribe(bus.topic())

    with pytest.raises(exceptions.InvalidArgument):
        bus.pull(name, 0)
    with pytest.raises(exceptions.InvalidArgument):
        bus.subscriber.acknowledge(subscription=name, ack_ids=[])
    with pytest.raises(exceptions.InvalidArgument):
        bus.subscriber.acknowledge(subscription=name, ack_ids=["made up"])
    with pytest.raises(exceptions.InvalidArgument):
        bus.subscriber.modify_ack_deadline(subscription=name, ack_ids=["made up"], ack_deadline_seconds=10)


def test_a_key_is_pulled_in_order_also_after_a_refusal(bus: Bus) -> None:
    topic = bus.topic()
    name = bus.subscribe(topic, enable_message_ordering=True, ack_deadline_seconds=600)
    bus.publish(topic, *numbered(range(5), ordering_key="k"))
    refused = False
    order: list[str] = []

    while len(order) < 5:
        received = bus.pull(name)
        numbers = [one.message.attributes["n"] for one in received]
        if not refused and "1" in numbers:
            at = numbers.index("1")
            refused = True
            bus.nack(name, *received[at:])
            received, numbers = received[:at], numbers[:at]
        if received:
            bus.acknowledge(name, *received)
            order += numbers

    assert order == ["0", "1", "2", "3", "4"]


def test_pull_counts_delivery_attempts_with_a_dead_letter_policy(bus: Bus) -> None:
    topic = bus.topic()
    name = bus.subscribe(topic, dead_letter_policy={"dead_letter_topic": bus.topic(), "max_delivery_attempts": 5})
    bus.publish(topic, types.PubsubMessage(data=b"x"))

    attempts = []
    for _ in range(3):
        [received] = bus.pull(name)
        attempts.append(received.delivery_attempt)
        bus.nack(name, received)

    assert attempts == [1, 2, 3]


def test_a_push_subscription_cannot_be_pulled(bus: Bus) -> None:
    bus.emulator_differs("it lets push subscriptions be pulled")
    name = bus.subscribe(bus.topic(), push_config={"push_endpoint": "http://127.0.0.1:9/"})

    with pytest.raises(exceptions.FailedPrecondition):
        bus.pull(name)


def test_the_stock_subscriber_gets_every_message_once(bus: Bus, stock_subscriber: pubsub_v1.SubscriberClient) -> None:
    topic = bus.topic()
    name = bus.subscribe(topic)
    seen: list[str] = []

    def take(message: pubsub_v1.subscriber.message.Message) -> None:
        seen.append(message.attributes["n"])
        message.ack()

    pulling = stock_subscriber.subscribe(name, take)
    bus.publish(topic, *numbered(range(500)))
    bus.publish(topic, *numbered(range(500, 1000)))
    wait_until(lambda: len(seen) >= 1000, "1000 messages")
    pulling.cancel()
    pulling.result(timeout=20)

    assert sorted(seen, key=int) == [str(n) for n in range(1000)]
    assert bus.pull(name, wait=False) == []


def test_the_stock_subscriber_gets_a_refused_message_again(
    bus: Bus, stock_subscriber: pubsub_v1.SubscriberClient
) -> None:
    topic = bus.topic()
    name = bus.subscribe(topic)
    tries: list[str] = []

    def take(message: pubsub_v1.subscriber.message.Message) -> None:
        tries.append(message.message_id)
        if len(tries) < 3:
            message.nack()
        else:
            message.ack()

    pulling = stock_subscriber.subscribe(name, take)
    [message_id] = bus.publish(topic, types.PubsubMessage(data=b"x"))
    wait_until(lambda: len(tries) == 3, "three tries")
    pulling.cancel()
    pulling.result(timeout=20)

    assert tries == [message_id] * 3


def test_a_stream_holds_no_more_than_its_flow_control_allows(
    bus: Bus, stock_subscriber: pubsub_v1.SubscriberClient
) -> None:
    topic = bus.topic()
    name = bus.subscribe(topic)
    held: list[pubsub_v1.subscriber.message.Message] = []
    flow = pubsub_v1.types.FlowControl(max_messages=3)

    pulling = stock_subscriber.subscribe(name, held.append, flow_control=flow)
    bus.publish(topic, *numbered(range(10)))
    wait_until(lambda: len(held) == 3, "three messages")
    with pytest.raises(FutureTimeoutError):
        pulling.result(timeout=0.3)  # still pulling
    assert len(held) == 3
    acknowledged = 0
    while acknowledged < 10:
        wait_until(lambda: len(held) > acknowledged, "another message")  # noqa: B023
        held[acknowledged].ack()
        acknowledged += 1
    pulling.cancel()
    pulling.result(timeout=20)

    assert len({message.message_id for message in held}) == 10


def test_the_stock_clients_keep_the_order_of_a_key(
    bus: Bus, stock_publisher: pubsub_v1.PublisherClient, stock_subscriber: pubsub_v1.SubscriberClient
) -> None:
    topic = bus.topic()
    name = bus.subscribe(topic, enable_message_ordering=True)
    seen: dict[str, list[str]] = {"a": [], "b": []}

    def take(message: pubsub_v1.subscriber.message.Message) -> None:
        seen[message.ordering_key].append(message.attributes["n"])
        message.ack()

    pulling = stock_subscriber.subscribe(name, take)
    for n in range(100):
        for key in seen:
            stock_publisher.publish(topic, b"x", ordering_key=key, n=str(n))
    wait_until(lambda: sum(map(len, seen.values())) == 200, "all messages")
    pulling.cancel()
    pulling.result(timeout=20)

    assert seen == {"a": [str(n) for n in range(100)], "b": [str(n) for n in range(100)]}

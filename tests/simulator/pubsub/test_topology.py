"""Topics and subscriptions as data, on both brokers."""

from dataclasses import replace

import pytest
from google.pubsub_v1 import types

from local.topology import PullSubscription, PushSubscription, Topic, Topology, create, subscription_name
from tests.simulator.pubsub.conftest import PROJECT, Bus, Sink, serve_sink


def test_a_topology_is_brought_about_and_can_be_repeated(bus: Bus, sink: Sink) -> None:
    work, dead = bus.new_name("topics").rsplit("/", 1)[1], bus.new_name("topics").rsplit("/", 1)[1]
    push = PushSubscription(
        work,
        work,
        sink.url,
        ack_deadline_seconds=30,
        min_backoff_seconds=0.5,
        max_backoff_seconds=60,
        dead_letter_topic=dead,
        max_delivery_attempts=7,
        ordered=True,
        filter="attributes:n",
    )
    topology = Topology((Topic(work), Topic(dead)), (push, PullSubscription(dead, dead)))

    create(topology, bus.broker.host, PROJECT)
    create(topology, bus.broker.host, PROJECT)

    found = bus.subscriber.get_subscription(subscription=subscription_name(PROJECT, work))
    assert found.push_config.push_endpoint == sink.url
    assert (found.ack_deadline_seconds, found.enable_message_ordering, found.filter) == (30, True, "attributes:n")
    assert found.retry_policy.minimum_backoff.total_seconds() == 0.5
    assert found.retry_policy.maximum_backoff.total_seconds() == 60
    assert found.dead_letter_policy.dead_letter_topic == f"{bus.project}/topics/{dead}"
    assert found.dead_letter_policy.max_delivery_attempts == 7
    bus.publish(f"{bus.project}/topics/{work}", types.PubsubMessage(attributes={"n": "1"}))
    assert sink.wait_for(1)[0].message["attributes"] == {"n": "1"}


def test_a_new_endpoint_is_taken_over(bus: Bus, sink: Sink) -> None:
    name = bus.new_name("topics").rsplit("/", 1)[1]
    push = PushSubscription(name, name, "http://127.0.0.1:9/gone", min_backoff_seconds=0, max_backoff_seconds=1)
    create(Topology((Topic(name),), (push,)), bus.broker.host, PROJECT)
    bus.publish(f"{bus.project}/topics/{name}", types.PubsubMessage(attributes={"n": "1"}))

    create(Topology((Topic(name),), (replace(push, endpoint=sink.url),)), bus.broker.host, PROJECT)

    assert sink.wait_for(1)[0].message["attributes"] == {"n": "1"}


def test_an_unwrapped_subscription_gets_data_and_headers(bus: Bus) -> None:
    name = bus.new_name("topics").rsplit("/", 1)[1]
    with serve_sink() as sink:
        push = PushSubscription(name, name, sink.url, unwrapped=True)
        create(Topology((Topic(name),), (push,)), bus.broker.host, PROJECT)
        bus.publish(f"{bus.project}/topics/{name}", types.PubsubMessage(data=b"{}", attributes={"ce-id": "1"}))

        [request] = sink.wait_for(1)

    assert (request.body, request.headers["ce-id"]) == (b"{}", "1")


def test_a_subscription_on_another_topic_is_not_touched(bus: Bus, sink: Sink) -> None:
    one, other = bus.new_name("topics").rsplit("/", 1)[1], bus.new_name("topics").rsplit("/", 1)[1]
    push = PushSubscription(one, one, sink.url)
    create(Topology((Topic(one), Topic(other)), (push,)), bus.broker.host, PROJECT)

    with pytest.raises(ValueError, match="exists on"):
        create(Topology((), (replace(push, topic=other),)), bus.broker.host, PROJECT)

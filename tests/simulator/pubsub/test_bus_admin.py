"""Topics, subscriptions and their configuration."""

from typing import Any

import pytest
from google.api_core import exceptions
from google.pubsub_v1 import types

from tests.simulator.pubsub.conftest import Bus


def test_a_topic_can_be_made_found_listed_and_deleted(bus: Bus) -> None:
    name = bus.topic()

    assert bus.publisher.get_topic(topic=name).name == name
    assert name in [topic.name for topic in bus.publisher.list_topics(project=bus.project)]
    bus.publisher.delete_topic(topic=name)
    with pytest.raises(exceptions.NotFound):
        bus.publisher.get_topic(topic=name)
    assert name not in [topic.name for topic in bus.publisher.list_topics(project=bus.project)]


def test_a_topic_is_made_only_once(bus: Bus) -> None:
    name = bus.topic()

    with pytest.raises(exceptions.AlreadyExists):
        bus.publisher.create_topic(name=name)


@pytest.mark.parametrize("topic_id", ["ab", "1abc", "googabc", "has space", "a" * 256])
def test_a_name_that_the_cloud_would_not_give_is_refused(bus: Bus, topic_id: str) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        bus.publisher.create_topic(name=f"{bus.project}/topics/{topic_id}")


def test_listings_come_in_pages(bus: Bus) -> None:
    topic = bus.topic()
    names = sorted(bus.subscribe(topic) for _ in range(5))

    first = bus.publisher.list_topic_subscriptions(request={"topic": topic, "page_size": 2})
    pages = [list(page.subscriptions) for page in first.pages]

    assert [len(page) for page in pages] == [2, 2, 1]
    assert sorted(name for page in pages for name in page) == names


def test_an_unknown_topic_or_subscription_is_not_found(bus: Bus) -> None:
    topic, subscription = bus.new_name("topics"), bus.new_name("subscriptions")

    with pytest.raises(exceptions.NotFound):
        bus.publisher.delete_topic(topic=topic)
    with pytest.raises(exceptions.NotFound):
        bus.subscribe(topic)
    with pytest.raises(exceptions.NotFound):
        bus.subscriber.get_subscription(subscription=subscription)
    with pytest.raises(exceptions.NotFound):
        bus.subscriber.delete_subscription(subscription=subscription)
    with pytest.raises(exceptions.NotFound):
        bus.pull(subscription)


def test_a_subscription_can_be_made_found_listed_and_deleted(bus: Bus) -> None:
    topic = bus.topic()
    name = bus.subscribe(topic)

    found = bus.subscriber.get_subscription(subscription=name)
    assert (found.topic, found.ack_deadline_seconds) == (topic, 10)
    assert found.message_retention_duration.days == 7
    assert name in [subscription.name for subscription in bus.subscriber.list_subscriptions(project=bus.project)]
    assert list(bus.publisher.list_topic_subscriptions(topic=topic)) == [name]
    with pytest.raises(exceptions.AlreadyExists):
        bus.subscriber.create_subscription(name=name, topic=topic)
    bus.subscriber.delete_subscription(subscription=name)
    with pytest.raises(exceptions.NotFound):
        bus.subscriber.get_subscription(subscription=name)
    assert list(bus.publisher.list_topic_subscriptions(topic=topic)) == []


def test_a_subscription_outlives_its_topic_with_what_it_holds(bus: Bus) -> None:
    topic = bus.topic()
    name = bus.subscribe(topic)
    bus.publish(topic, types.PubsubMessage(data=b"last words"))

    bus.publisher.delete_topic(topic=topic)

    assert bus.subscriber.get_subscription(subscription=name).topic == "_deleted-topic_"
    assert [received.message.data for received in bus.pull(name)] == [b"last words"]


def test_an_update_changes_the_named_fields_only(bus: Bus) -> None:
    name = bus.subscribe(bus.topic(), ack_deadline_seconds=30)

    changed = {"name": name, "ack_deadline_seconds": 40, "push_config": {"push_endpoint": "http://127.0.0.1:1/x"}}
    bus.subscriber.update_subscription(request={"subscription": changed, "update_mask": {"paths": ["push_config"]}})

    found = bus.subscriber.get_subscription(subscription=name)
    assert found.push_config.push_endpoint == "http://127.0.0.1:1/x"
    assert found.ack_deadline_seconds == 30


@pytest.mark.parametrize("paths", [["topic"], ["filter"], ["no_such_field"], []])
def test_an_update_of_what_is_fixed_or_unknown_is_refused(bus: Bus, paths: list[str]) -> None:
    topic = bus.topic()
    name = bus.subscribe(topic)

    changed = {"name": name, "topic": bus.topic(), "filter": "attributes:a"}
    with pytest.raises(exceptions.InvalidArgument):
        bus.subscriber.update_subscription(request={"subscription": changed, "update_mask": {"paths": paths}})
    assert bus.subscriber.get_subscription(subscription=name).topic == topic


@pytest.mark.parametrize(
    "config",
    [
        {"ack_deadline_seconds": 601},
        {"push_config": {"push_endpoint": "ftp//nowhere"}},
        {"retry_policy": {"minimum_backoff": {"seconds": 20}, "maximum_backoff": {"seconds": 601}}},
        {"retry_policy": {"minimum_backoff": {"seconds": 20}, "maximum_backoff": {"seconds": 10}}},
    ],
    ids=str,
)
def test_a_configuration_out_of_bounds_is_refused(bus: Bus, config: dict[str, Any]) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        bus.subscribe(bus.topic(), **config)


@pytest.mark.parametrize("attempts", [4, 101])
def test_delivery_attempts_before_a_dead_letter_are_5_to_100(bus: Bus, attempts: int) -> None:
    topic = bus.topic()

    with pytest.raises(exceptions.OutOfRange):
        bus.subscribe(topic, dead_letter_policy={"dead_letter_topic": topic, "max_delivery_attempts": attempts})


def test_an_ack_deadline_is_at_least_ten_seconds(bus: Bus) -> None:
    bus.emulator_differs("it takes any ack deadline above zero")
    with pytest.raises(exceptions.InvalidArgument):
        bus.subscribe(bus.topic(), ack_deadline_seconds=9)


def test_a_filter_outside_the_language_is_refused(bus: Bus) -> None:
    bus.emulator_differs("it stores any text as a filter")
    with pytest.raises(exceptions.InvalidArgument):
        bus.subscribe(bus.topic(), filter="attributes.a =")


def test_the_subscriptions_of_an_unknown_topic_are_not_found(bus: Bus) -> None:
    bus.emulator_differs("it answers with an empty list")
    with pytest.raises(exceptions.NotFound):
        bus.publisher.list_topic_subscriptions(topic=bus.new_name("topics"))


def test_a_dead_letter_topic_must_exist(bus: Bus) -> None:
    with pytest.raises(exceptions.NotFound):
        bus.subscribe(bus.topic(), dead_letter_policy={"dead_letter_topic": bus.new_name("topics")})

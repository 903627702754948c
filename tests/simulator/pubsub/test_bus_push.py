"""Push subscriptions: what is sent, what counts as an answer, and what happens after a refusal."""

import base64
import re
import threading
from itertools import pairwise

import pytest
from google.pubsub_v1 import types

from tests.simulator.pubsub.conftest import Bus, Push, Sink, numbered, serve_sink, wait_until


def test_a_push_carries_the_message_in_the_clouds_envelope(bus: Bus, sink: Sink) -> None:
    topic = bus.topic()
    name = bus.push_to(sink, topic)

    [message_id] = bus.publish(topic, types.PubsubMessage(data="알림".encode(), attributes={"종류": "예약"}))

    [push] = sink.wait_for(1)
    assert push.headers["content-type"] == "application/json"
    published = push.message["publishTime"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", published)
    assert push.envelope == {
        "message": {
            "data": base64.b64encode("알림".encode()).decode(),
            "attributes": {"종류": "예약"},
            "messageId": message_id,
            "message_id": message_id,
            "publishTime": published,
            "publish_time": published,
        },
        "subscription": name,
    }


def test_a_push_without_data_or_attributes_has_them_empty(bus: Bus, sink: Sink) -> None:
    topic = bus.topic()
    bus.push_to(sink, topic)

    bus.publish(topic, types.PubsubMessage(data=b"x"))
    bus.publish(topic, *numbered(range(1)))

    bare = {(push.message["data"], tuple(push.message["attributes"].items())) for push in sink.wait_for(2)}
    assert bare == {("eA==", ()), ("", (("n", "0"),))}


def test_a_push_names_its_ordering_key_and_attempt(bus: Bus, sink: Sink) -> None:
    bus.emulator_differs("its push envelope lacks orderingKey and deliveryAttempt")
    topic = bus.topic()
    policy = {"dead_letter_topic": bus.topic(), "max_delivery_attempts": 5}
    sink.answer = lambda push: 500 if len(sink.pushes) < 3 else 204
    bus.push_to(sink, topic, dead_letter_policy=policy, enable_message_ordering=True)

    bus.publish(topic, types.PubsubMessage(data=b"x", ordering_key="k"))

    pushes = sink.wait_for(3)
    assert [push.envelope["deliveryAttempt"] for push in pushes] == [1, 2, 3]
    assert {push.message["orderingKey"] for push in pushes} == {"k"}


def test_an_acknowledging_status_ends_a_message(bus: Bus, sink: Sink) -> None:
    check_statuses(bus, sink, acknowledging={102, 200, 201, 204}, refusing={301, 400, 404, 429, 500, 503})


def test_202_acknowledges_and_203_does_not(bus: Bus, sink: Sink) -> None:
    bus.emulator_differs("it takes 202 as a refusal and 203 as an acknowledgement")
    check_statuses(bus, sink, acknowledging={202}, refusing={203})


def check_statuses(bus: Bus, sink: Sink, *, acknowledging: set[int], refusing: set[int]) -> None:
    """Answer each message with its own status at first, and with 204 when it comes again."""
    topic = bus.topic()
    statuses = sorted(acknowledging | refusing)
    sink.answer = lambda push: int(n) if sink.texts().count(n := push.message["attributes"]["n"]) == 1 else 204
    name = bus.push_to(sink, topic)

    bus.publish(topic, *[types.PubsubMessage(attributes={"n": str(status)}) for status in statuses])
    sink.wait_for(len(statuses) + len(refusing))
    bus.subscriber.modify_push_config(subscription=name, push_config=types.PushConfig())

    assert {int(n) for n in sink.texts() if sink.texts().count(n) > 1} == refusing
    assert bus.pull(name, wait=False) == []


def test_an_endpoint_that_comes_up_late_gets_what_waited(bus: Bus) -> None:
    topic = bus.topic()
    with serve_sink() as gone:
        port = int(gone.url.split(":")[2].split("/")[0])
    bus.push_to(gone, topic, retry_policy={"minimum_backoff": {"seconds": 1}, "maximum_backoff": {"seconds": 1}})
    bus.publish(topic, *numbered(range(3)))

    with serve_sink(port) as sink:
        sink.wait_for(3)

        assert sorted(sink.texts()) == ["0", "1", "2"]


def test_refusals_wait_longer_each_time(bus: Bus, sink: Sink) -> None:
    topic = bus.topic()
    sink.answer = lambda push: 503 if len(sink.pushes) < 3 else 204
    bus.push_to(
        sink, topic, retry_policy={"minimum_backoff": {"nanos": 400_000_000}, "maximum_backoff": {"seconds": 1}}
    )

    bus.publish(topic, types.PubsubMessage(data=b"x"))

    at = [push.at for push in sink.wait_for(3)]
    waits = [later - earlier for earlier, later in pairwise(at)]
    assert waits[0] >= 0.35
    assert waits[1] >= 0.75


def test_a_message_that_is_never_taken_goes_to_the_dead_letters(bus: Bus, sink: Sink) -> None:
    topic, graveyard = bus.topic(), bus.topic()
    buried = bus.subscribe(graveyard)
    sink.answer = lambda push: 500 if push.message["attributes"]["n"] == "1" else 204
    policy = {"dead_letter_topic": graveyard, "max_delivery_attempts": 5}
    name = bus.push_to(sink, topic, dead_letter_policy=policy)

    bus.publish(topic, *numbered(range(3)))

    [dead] = bus.pull(buried)
    attributes = dict(dead.message.attributes)
    published = attributes.pop("CloudPubSubDeadLetterSourceTopicPublishTime")
    assert attributes == {
        "n": "1",
        "CloudPubSubDeadLetterSourceDeliveryCount": "5",
        "CloudPubSubDeadLetterSourceSubscription": name.rsplit("/", 1)[1],
        "CloudPubSubDeadLetterSourceSubscriptionProject": bus.project.split("/")[1],
    }
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}", published)
    assert sorted(sink.texts()) == ["0", "1", "1", "1", "1", "1", "2"]


def test_a_failed_message_holds_back_its_key_and_no_other(bus: Bus, sink: Sink) -> None:
    topic = bus.topic()
    release = threading.Event()
    # The emulator's envelope lacks the ordering key, so the numbers tell the keys apart.
    sink.answer = lambda push: 503 if push.message["attributes"]["n"] == "1" and not release.is_set() else 204
    bus.push_to(sink, topic, enable_message_ordering=True)

    bus.publish(topic, *numbered(range(5), ordering_key="held"))
    bus.publish(topic, *numbered(range(10, 13), ordering_key="free"))
    wait_until(lambda: {"10", "11", "12"} <= set(sink.texts()) and sink.texts().count("1") >= 2, "the free key")
    before = sink.texts()
    release.set()
    wait_until(lambda: "4" in sink.texts(), "the rest of the held key")

    assert not {"2", "3", "4"} & set(before)
    held = [n for n in sink.texts() if int(n) < 10]
    assert list(dict.fromkeys(held)) == ["0", "1", "2", "3", "4"]
    assert [n for n in sink.texts() if int(n) >= 10] == ["10", "11", "12"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("attributes:kind", {"a", "ab", "b"}),
        ('attributes.kind = "a"', {"a"}),
        ('attributes.kind != "a"', {"ab", "b", "none"}),
        ('hasPrefix(attributes.kind, "a") AND NOT attributes.kind = "a"', {"ab"}),
        ('(attributes.kind = "a" OR attributes.kind = "b") AND attributes:n', {"a", "b"}),
    ],
)
def test_a_filter_lets_in_what_matches(bus: Bus, sink: Sink, expression: str, expected: set[str]) -> None:
    bus.emulator_differs("it stores filters and does not apply them")
    topic = bus.topic()
    bus.push_to(sink, topic, filter=expression)

    kinds = [{"kind": kind} for kind in ("a", "ab", "b")]
    bus.publish(topic, *[types.PubsubMessage(attributes={"n": "0", **kind}) for kind in [*kinds, {}]])
    sink.wait_for(len(expected))
    marker = [{"n": "1", "kind": kind} for kind in ("a", "ab", "b")] + [{"n": "1"}]
    bus.publish(topic, *[types.PubsubMessage(attributes=attributes) for attributes in marker])
    sink.wait_for(2 * len(expected))

    attributes = [push.message["attributes"] for push in sink.pushes]
    assert {one.get("kind", "none") for one in attributes} == expected


def test_an_unwrapped_push_is_the_data_alone(bus: Bus, sink: Sink) -> None:
    topic = bus.topic()
    bus.subscribe(topic, push_config={"push_endpoint": sink.url, "no_wrapper": {}})

    bus.publish(topic, types.PubsubMessage(data=b"\x00raw", attributes={"ce-type": "x"}))

    [push] = sink.wait_for(1)
    assert push.body == b"\x00raw"
    assert "ce-type" not in push.headers
    assert not [header for header in push.headers if header.startswith("x-goog-")]


def test_an_unwrapped_push_can_carry_its_metadata_as_headers(bus: Bus, sink: Sink) -> None:
    topic = bus.topic()
    push_config = {"push_endpoint": sink.url, "no_wrapper": {"write_metadata": True}}
    name = bus.subscribe(topic, push_config=push_config)

    attributes = {"ce-type": "kr.allim.test", "Content-Type": "application/json"}
    [message_id] = bus.publish(topic, types.PubsubMessage(data=b"{}", attributes=attributes, ordering_key="k"))

    [push] = sink.wait_for(1)
    assert push.body == b"{}"
    assert push.headers["ce-type"] == "kr.allim.test"
    assert push.headers["content-type"] == "application/json"
    assert push.headers["x-goog-pubsub-subscription-name"] == name
    assert push.headers["x-goog-pubsub-message-id"] == message_id
    assert push.headers["x-goog-pubsub-publish-time"].endswith("Z")
    if bus.broker.kind == "built-in":  # the emulator calls it x-goog-ordering-key
        assert push.headers["x-goog-pubsub-ordering-key"] == "k"


def test_an_attribute_that_no_header_can_carry_is_left_out(bus: Bus, sink: Sink) -> None:
    bus.emulator_differs("it never delivers a message with such an attribute")
    topic = bus.topic()
    bus.subscribe(topic, push_config={"push_endpoint": sink.url, "no_wrapper": {"write_metadata": True}})

    attributes = {"fine": "yes", "line": "a\r\nInjected: 1", "na me": "x", "Content-Length": "7", "Host": "elsewhere"}
    bus.publish(topic, types.PubsubMessage(data=b"x", attributes=attributes))

    [push] = sink.wait_for(1)
    assert (push.body, push.headers["fine"], push.headers["content-length"]) == (b"x", "yes", "1")
    assert push.headers["host"].startswith("127.0.0.1:")
    assert not {"line", "injected", "na me"} & set(push.headers)


def test_a_subscription_can_turn_from_pull_to_push_and_back(bus: Bus, sink: Sink) -> None:
    topic = bus.topic()
    name = bus.subscribe(topic)
    bus.publish(topic, *numbered(range(1)))

    bus.subscriber.modify_push_config(subscription=name, push_config=types.PushConfig(push_endpoint=sink.url))
    sink.wait_for(1)
    bus.subscriber.modify_push_config(subscription=name, push_config=types.PushConfig())
    bus.publish(topic, *numbered(range(1, 2)))

    [received] = bus.pull(name)
    assert received.message.attributes["n"] == "1"
    assert sink.texts() == ["0"]


def test_pushes_go_on_while_one_is_slow(bus: Bus, sink: Sink) -> None:
    topic = bus.topic()
    release = threading.Event()

    def answer(push: Push) -> int:
        if push.message["attributes"]["n"] == "0":
            release.wait(20)
        return 204

    sink.answer = answer
    bus.push_to(sink, topic)
    bus.publish(topic, *numbered(range(50)))
    wait_until(lambda: len(sink.pushes) == 50, "the others")
    release.set()

    assert sorted(sink.texts(), key=int) == [str(n) for n in range(50)]


def test_the_window_grows_while_answers_are_good(bus: Bus, sink: Sink) -> None:
    bus.emulator_differs("it has two pushes under way at most")
    topic = bus.topic()
    gate = threading.Semaphore(0)
    sink.answer = lambda push: 204 if gate.acquire(timeout=20) else 500
    bus.push_to(sink, topic)
    bus.publish(topic, *numbered(range(100)))

    wait_until(lambda: sink.under_way == 5, "the first five")
    gate.release(5)
    wait_until(lambda: sink.under_way == 10, "ten under way after five good answers")
    gate.release(10)
    wait_until(lambda: sink.under_way == 20, "twenty after ten more")
    gate.release(100)
    sink.wait_for(100)


def test_an_endpoint_that_does_not_answer_within_the_ack_deadline_is_asked_again(bus: Bus) -> None:
    pushes = bus.silent.wait_for(2)

    assert pushes[0].message["messageId"] == pushes[1].message["messageId"]
    assert 9.5 <= pushes[1].at - pushes[0].at <= 13

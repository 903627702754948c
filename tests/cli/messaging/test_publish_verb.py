import json
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from local.stack import Stack
from tests.broker import RunningBroker
from tests.cli.conftest import PROJECT, Run, event

TOPIC = f"projects/{PROJECT}/topics/subscription-events"
SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/listening"


@pytest.fixture
def listening(stack: Stack, verbs_broker: RunningBroker, monkeypatch: pytest.MonkeyPatch) -> Iterator[SubscriberClient]:
    """The stack has a broker with the topic, and somebody listens."""
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "taken back after the test")
    with grpc.insecure_channel(verbs_broker.host) as channel:
        publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        publisher.create_topic(name=TOPIC)
        subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC)
        yield subscriber
        subscriber.delete_subscription(subscription=SUBSCRIPTION)
        publisher.delete_topic(topic=TOPIC)


def _heard(subscriber: SubscriberClient, count: int) -> list[bytes]:
    heard: list[bytes] = []
    while len(heard) < count:
        pulled = subscriber.pull(subscription=SUBSCRIPTION, max_messages=1_000, timeout=20).received_messages
        subscriber.acknowledge(subscription=SUBSCRIPTION, ack_ids=[one.ack_id for one in pulled])
        heard += [one.message.data for one in pulled]
    return heard


def test_events_of_a_file_arrive_as_they_are_written(run: Run, listening: SubscriberClient, tmp_path: Path) -> None:
    path = tmp_path / "events.json"
    path.write_text(f"[{event(1)},\n{event(2)}]")
    result = run("publish", path)
    assert (result.exit_code, result.stdout) == (0, "published 2 to subscription-events\n")
    assert sorted(_heard(listening, 2)) == [event(1).encode(), event(2).encode()]


def test_many_events_come_from_standard_input_and_each_has_an_id(run: Run, listening: SubscriberClient) -> None:
    result = run("publish", "-", "--json", given="\n".join(event(number) for number in range(2_500)))
    told = json.loads(result.stdout)
    assert (result.exit_code, told["published"], len(set(told["message_ids"]))) == (0, 2_500, 2_500)
    assert len(set(_heard(listening, 2_500))) == 2_500


def test_when_one_event_is_wrong_nothing_is_published(run: Run, listening: SubscriberClient) -> None:
    result = run("publish", "-", given=f"{event(1)}\n{event(2, tenant='NOT OK')}\n")
    assert result.exit_code == 1
    assert result.stderr.startswith(
        "error: invalid_event: 1 of 2 can't be taken, nothing was published (아무것도 발행하지 않았습니다.)\n"
        "  line 2: tenant: 'NOT OK' won't do; write 2 to 40 of a-z, 0-9 and -, the first a letter (영문 소문자로"
    )
    assert run("publish", "-", given=event(3)).exit_code == 0
    assert _heard(listening, 1) == [event(3).encode()]


def test_a_file_in_cp949_is_told_so_once_and_not_published(run: Run, stack: Stack) -> None:
    result = run("publish", "-", given=f'{event(1)}\n{{"이름": "홍길동"}}\n'.encode("cp949"))
    assert result.exit_code == 1
    assert result.stderr.startswith("error: bad_encoding: -: line 2: it is written in CP949")
    assert result.stderr.count("line ") == 1
    assert "UTF-8로 다시 저장해 주세요." in result.stderr


def test_without_validation_anything_is_published_as_it_is(run: Run, listening: SubscriberClient) -> None:
    assert run("publish", "-", "--no-validate", given=b"{broken\n\xff\n").exit_code == 0
    assert _heard(listening, 1) == [b"{broken\n\xff"]


def test_an_unknown_topic_is_one_clear_error(run: Run, listening: SubscriberClient) -> None:
    result = run("publish", "-", "--topic", "nowhere", given=event(1))
    assert (result.exit_code, result.stderr) == (
        1,
        f"error: unknown_topic: there is no topic projects/{PROJECT}/topics/nowhere\n",
    )


@pytest.mark.parametrize(("file", "code"), [("-", "empty_file"), ("absent.json", "no_file")])
def test_nothing_to_publish_is_an_error(run: Run, stack: Stack, file: str, code: str) -> None:
    result = run("publish", file, given="")
    assert (result.exit_code, result.stderr.startswith(f"error: {code}: ")) == (1, True)

"""The built-in broker's control port: faults and statistics."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.simulator.pubsub.conftest import Bus, Sink, numbered, wait_until

# Google's emulator has no control port.
pytestmark = pytest.mark.parametrize("running_broker", ["built-in"], indirect=True)


@pytest.fixture
def control(bus: Bus) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=str(bus.broker.control_url)) as client:
        yield client
        client.put("/faults", json={}).raise_for_status()


def stats_of(control: httpx.Client, subscription: str) -> dict[str, Any]:
    stats: dict[str, Any] = control.get("/stats").json()["subscriptions"][subscription]
    return stats


def test_statistics_count_what_happened(bus: Bus, sink: Sink, control: httpx.Client) -> None:
    topic, graveyard = bus.topic(), bus.topic()
    bus.subscribe(graveyard)
    sink.answer = lambda push: 500 if push.message["attributes"]["n"] == "0" else 204
    name = bus.push_to(sink, topic, dead_letter_policy={"dead_letter_topic": graveyard, "max_delivery_attempts": 5})
    bus.publish(topic, *numbered(range(3)))
    wait_until(lambda: stats_of(control, name)["dead_lettered"] == 1, "a dead letter")
    wait_until(lambda: stats_of(control, name)["acked"] == 2, "the other two")

    stats = stats_of(control, name)

    counted = ("published", "delivered", "acked", "nacked", "dead_lettered", "repeated", "backlog", "in_flight")
    assert [stats[key] for key in counted] == [3, 7, 2, 5, 1, 0, 0, 0]
    assert stats["topic"] == topic
    assert stats["oldest_unacked_seconds"] == 0


def test_statistics_tell_what_waits_and_how_long(bus: Bus, control: httpx.Client) -> None:
    topic = bus.topic()
    name = bus.subscribe(topic)
    bus.publish(topic, *numbered(range(2)))
    bus.pull(name, 1)

    wait_until(lambda: stats_of(control, name)["oldest_unacked_seconds"] > 0.05, "some age")
    stats = stats_of(control, name)

    assert (stats["backlog"], stats["in_flight"]) == (2, 1)
    assert control.get("/stats").json()["memory_bytes"] > 0


def test_acknowledged_messages_come_again_when_asked_to(bus: Bus, sink: Sink, control: httpx.Client) -> None:
    topic = bus.topic()
    name = bus.push_to(sink, topic)
    control.put("/faults", json={"duplicate_rate": 1, "seed": 1}).raise_for_status()

    bus.publish(topic, *numbered(range(20)))
    sink.wait_for(40)
    control.put("/faults", json={}).raise_for_status()
    bus.publish(topic, *numbered(range(20, 21)))
    sink.wait_for(41)

    assert sorted(sink.texts(), key=int) == [str(n) for n in range(20) for _ in range(2)] + ["20"]
    assert stats_of(control, name)["acked"] == 21
    assert stats_of(control, name)["repeated"] == 20


def test_messages_overtake_each_other_when_asked_to(bus: Bus, sink: Sink, control: httpx.Client) -> None:
    topic = bus.topic()
    bus.push_to(sink, topic)
    control.put("/faults", json={"reorder": True, "seed": 1}).raise_for_status()

    for n in range(20):
        bus.publish(topic, *numbered(range(n, n + 1)))
    sink.wait_for(20)

    assert sink.texts() != sorted(sink.texts(), key=int)
    assert set(sink.texts()) == {str(n) for n in range(20)}


def test_the_faults_in_force_can_be_read(control: httpx.Client) -> None:
    faults = {"duplicate_rate": 0.25, "reorder": True, "delay_ms": 5.0, "seed": 3}

    assert control.put("/faults", json=faults).json() == faults
    assert control.get("/faults").json() == faults


@pytest.mark.parametrize(
    "faults", ["not json", "[]", '{"duplicate_rate": 1.5}', '{"delay_ms": -1}', '{"dulicate_rate": 0.1}']
)
def test_faults_that_make_no_sense_are_refused(control: httpx.Client, faults: str) -> None:
    response = control.put("/faults", content=faults)

    assert response.status_code == 400
    assert response.json()["error"]
    assert control.get("/faults").json()["duplicate_rate"] == 0

"""Starting and stopping brokers as processes."""

import os
import socket
import threading
from pathlib import Path
from typing import Literal

import grpc
import pytest
from google.pubsub_v1 import PublisherClient, types
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

from local.broker import google_emulator_available
from local.topology import PushSubscription, Topic, Topology, create, topic_name
from tests.broker import BrokerStartError, RunningBroker, start_broker
from tests.simulator.pubsub.conftest import Push, Sink, wait_until


def group_lives(broker: RunningBroker) -> bool:
    try:
        os.killpg(broker.process.pid, 0)
    except ProcessLookupError:
        return False
    return True


def publish(broker: RunningBroker, topic: str, number: int) -> None:
    with grpc.insecure_channel(broker.host) as channel:
        publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        messages = [types.PubsubMessage(attributes={"n": str(n)}) for n in range(number)]
        publisher.publish(topic=topic_name("p", topic), messages=messages)


@pytest.mark.parametrize("kind", ["built-in", "google"])
def test_a_stopped_broker_leaves_no_process_behind(kind: Literal["built-in", "google"], tmp_path: Path) -> None:
    if kind == "google":
        available, reason = google_emulator_available()
        if not available:
            pytest.skip(f"Google's Pub/Sub emulator cannot run here: {reason}")
    log_file = tmp_path / "log"

    with start_broker(kind, log_file=log_file) as broker:
        assert broker.kind == kind
        assert (broker.control_url is None) is (kind == "google")
        assert group_lives(broker)
        create(Topology(topics=(Topic("here"),)), broker.host, "p")

    assert not group_lives(broker)
    assert "listening" in log_file.read_text()
    broker.stop()
    with start_broker(kind, port=int(broker.host.rpartition(":")[2])) as again:
        assert again.host == broker.host


def test_the_built_in_broker_answers_to_sigterm_with_status_zero(tmp_path: Path) -> None:
    with start_broker("built-in") as broker:
        pass

    assert broker.process.returncode == 0


def test_pushes_under_way_are_answered_before_the_end(sink: Sink, tmp_path: Path) -> None:
    release = threading.Event()

    def answer(push: Push) -> int:
        release.wait(20)
        return 204

    sink.answer = answer
    log_file = tmp_path / "log"
    with start_broker("built-in", log_file=log_file, max_outstanding=2) as broker:
        create(Topology((Topic("work"),), (PushSubscription("push", "work", sink.url),)), broker.host, "p")
        publish(broker, "work", 5)
        wait_until(lambda: sink.under_way == 2, "two pushes under way")
        stopping = threading.Thread(target=broker.stop)
        stopping.start()
        wait_until(lambda: not listens(broker.host), "no more calls taken")
        release.set()
        stopping.join(timeout=20)

    assert broker.process.returncode == 0
    assert len(sink.pushes) == 2
    assert "stopped; 3 unacknowledged messages are gone" in log_file.read_text()


def listens(host: str) -> bool:
    address, _, port = host.partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((address, int(port))) == 0


def test_a_port_that_is_taken_is_told_as_such() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(BrokerStartError, match="taken"):
        start_broker("built-in", port=taken.getsockname()[1])


def test_a_machine_without_gcloud_gets_the_built_in_broker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert google_emulator_available() == (False, "gcloud is not on PATH")
    with pytest.raises(BrokerStartError, match="gcloud is not on PATH"):
        start_broker("google")
    with start_broker("auto") as broker:
        assert broker.kind == "built-in"


@pytest.mark.parametrize(
    ("java", "sdk_root", "reason"), [(False, "", "java is not on PATH"), (True, "/nowhere", "no pubsub-emulator")]
)
def test_what_googles_emulator_lacks_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, java: bool, sdk_root: str, reason: str
) -> None:
    script(tmp_path / "gcloud", f"echo {sdk_root}")
    if java:
        script(tmp_path / "java", "exit 1")
    monkeypatch.setenv("PATH", str(tmp_path))

    available, why = google_emulator_available()

    assert not available
    assert reason in why


def test_an_emulator_that_ends_early_is_told_with_its_last_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    launcher = tmp_path / "platform" / "pubsub-emulator" / "bin" / "cloud-pubsub-emulator"
    launcher.parent.mkdir(parents=True)
    script(launcher, "echo 'no room for a heap'; exit 3")
    script(tmp_path / "gcloud", f"echo {tmp_path}")
    script(tmp_path / "java", "exit 1")
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(BrokerStartError, match="status 3") as raised:
        start_broker("google", log_file=tmp_path / "log")

    assert "no room for a heap" in "".join(raised.value.__notes__)


def script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)

"""One suite for both brokers: ours must do what the cloud does, and Google's emulator shows what that is.

Tests that take `bus` run against each. Where the emulator is known to differ from the cloud, a test says so with
`bus.emulator_differs(why)` and is skipped there; `pytest -ra` prints these reasons.
"""

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import orjson
import pytest
from google.cloud import pubsub_v1
from google.pubsub_v1 import PublisherClient, SubscriberClient, types
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from local.broker import google_emulator_available
from tests.broker import RunningBroker, start_broker

PROJECT = "conformance"
PATIENCE_SECONDS = 20.0


def pytest_configure(config: pytest.Config) -> None:
    # There is no other way to see that nothing is there without waiting.
    config.addinivalue_line("filterwarnings", "ignore:The return_immediately flag is deprecated:DeprecationWarning")


_serial = itertools.count(1)


def wait_until(condition: Callable[[], bool], what: str, patience: float = PATIENCE_SECONDS) -> None:
    """Wait for a condition that another process brings about."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"after {patience} s still not: {what}")
        time.sleep(0.01)


@dataclass
class Push:
    """A request that reached the sink. at: monotonic seconds."""

    body: bytes
    headers: dict[str, str]
    at: float = field(default_factory=time.monotonic)

    @property
    def envelope(self) -> Any:
        return orjson.loads(self.body)

    @property
    def message(self) -> Any:
        return self.envelope["message"]


@dataclass
class Sink:
    """An endpoint for pushes. answer: decides the status of each, and may block."""

    url: str
    pushes: list[Push] = field(default_factory=list)
    answer: Callable[[Push], int] = lambda push: 204
    under_way: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, push: Push) -> int:
        with self._lock:
            self.pushes.append(push)
            self.under_way += 1
        try:
            return self.answer(push)
        finally:
            with self._lock:
                self.under_way -= 1

    def wait_for(self, number: int) -> list[Push]:
        wait_until(lambda: len(self.pushes) >= number, f"{number} pushes")
        return list(self.pushes)

    def texts(self, key: str = "n") -> list[str]:
        """One attribute of each push, in the order of arrival."""
        return [push.message["attributes"][key] for push in list(self.pushes)]


@contextlib.contextmanager
def serve_sink(port: int = 0) -> Iterator[Sink]:
    """Run a sink on 127.0.0.1."""

    served = Sink("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            status = served.take(Push(body, {name.lower(): value for name, value in self.headers.items()}))
            with contextlib.suppress(ConnectionError):  # the broker may have given up waiting
                self.send_response(status)
                if status >= 200 and status != 204:
                    self.send_header("Content-Length", "0")
                self.end_headers()

        def log_request(self, code: Any = "-", size: Any = "-") -> None:
            """Silence."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A broker that stops closes its connections: no news."""

    server = Server(("127.0.0.1", port), Handler)
    served.url = f"http://127.0.0.1:{server.server_address[1]}/push"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Bus:
    """A running broker and clients for it. Each test makes its own topics and subscriptions.

    silent: a sink that gives no answer to the one message which is published at the beginning. The shortest ack
    deadline is ten seconds; this way other tests run meanwhile.
    """

    broker: RunningBroker
    publisher: PublisherClient
    subscriber: SubscriberClient
    silent: Sink

    @property
    def project(self) -> str:
        return f"projects/{PROJECT}"

    def emulator_differs(self, why: str) -> None:
        """Skip on Google's emulator, where it is known to do something else than the cloud."""
        if self.broker.kind == "google":
            pytest.skip(f"Google's emulator differs from the cloud: {why}")

    def new_name(self, kind: str) -> str:
        return f"{self.project}/{kind}/test-{next(_serial)}"

    def topic(self) -> str:
        return str(self.publisher.create_topic(name=self.new_name("topics")).name)

    def subscribe(self, topic: str, **config: Any) -> str:
        request = {"name": self.new_name("subscriptions"), "topic": topic, **config}
        return str(self.subscriber.create_subscription(request=request).name)

    def push_to(self, sink: Sink, topic: str, **config: Any) -> str:
        return self.subscribe(topic, push_config={"push_endpoint": sink.url}, **config)

    def publish(self, topic: str, *messages: types.PubsubMessage) -> list[str]:
        return list(self.publisher.publish(topic=topic, messages=list(messages), retry=None).message_ids)

    def pull(self, subscription: str, limit: int = 100, *, wait: bool = True) -> list[types.ReceivedMessage]:
        """What a pull brings: when `wait`, at least one message."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            response = self.subscriber.pull(
                request={"subscription": subscription, "max_messages": limit, "return_immediately": not wait},
                timeout=PATIENCE_SECONDS,
            )
            if response.received_messages or not wait or time.monotonic() > deadline:
                return list(response.received_messages)

    def acknowledge(self, subscription: str, *received: types.ReceivedMessage) -> None:
        self.subscriber.acknowledge(subscription=subscription, ack_ids=[one.ack_id for one in received])

    def nack(self, subscription: str, *received: types.ReceivedMessage) -> None:
        self.prolong(subscription, 0, *received)

    def prolong(self, subscription: str, seconds: int, *received: types.ReceivedMessage) -> None:
        ids = [one.ack_id for one in received]
        self.subscriber.modify_ack_deadline(subscription=subscription, ack_ids=ids, ack_deadline_seconds=seconds)


def numbered(numbers: range, ordering_key: str = "") -> list[types.PubsubMessage]:
    """Messages that carry their number as attribute n."""
    return [types.PubsubMessage(attributes={"n": str(n)}, ordering_key=ordering_key) for n in numbers]


@pytest.fixture(scope="session", params=["built-in", "google"])
def running_broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    if request.param == "google":
        available, reason = google_emulator_available()
        if not available:
            pytest.skip(f"Google's Pub/Sub emulator cannot run here: {reason}")
    log_file: Path = tmp_path_factory.mktemp("pubsub") / f"{request.param}.log"
    with start_broker(request.param, log_file=log_file) as broker:
        yield broker


@pytest.fixture(scope="session")
def bus(running_broker: RunningBroker) -> Iterator[Bus]:
    options = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(running_broker.host, options) as channel, serve_sink() as silent:
        bus = Bus(
            running_broker,
            PublisherClient(transport=PublisherGrpcTransport(channel=channel)),
            SubscriberClient(transport=SubscriberGrpcTransport(channel=channel)),
            silent,
        )
        over = threading.Event()
        silent.answer = lambda push: 204 if over.wait(60) else 500
        topic = bus.topic()
        bus.push_to(silent, topic)
        bus.publish(topic, types.PubsubMessage(data=b"x"))
        yield bus
        over.set()


@pytest.fixture
def sink() -> Iterator[Sink]:
    with serve_sink() as served:
        yield served


@pytest.fixture
def stock_publisher(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> Iterator[pubsub_v1.PublisherClient]:
    """The batching client that the product uses, found by its environment variable."""
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", bus.broker.host)
    options = pubsub_v1.types.PublisherOptions(enable_message_ordering=True)
    publisher = pubsub_v1.PublisherClient(publisher_options=options)
    yield publisher
    publisher.stop()


@pytest.fixture
def stock_subscriber(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> Iterator[pubsub_v1.SubscriberClient]:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", bus.broker.host)
    with pubsub_v1.SubscriberClient() as subscriber:
        yield subscriber

"""Publishing to Pub/Sub: many messages in one request, and an answer before we go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from google.pubsub_v1 import PublisherAsyncClient

MAX_MESSAGES_PER_REQUEST = 1_000
MAX_REQUEST_BYTES = 9_000_000
PUBLISH_TIMEOUT_SECONDS = 10.0

SUBSCRIPTION_EVENTS = "subscription-events"
SEND_REQUESTS = "send-requests"
BULK_SEND_REQUESTS = "bulk-send-requests"
"""Tickets of crowds: many messages of one tenant at once. Nothing that somebody waits for stands behind them."""
DELIVERY_CALLBACKS = "delivery-callbacks"
REMINDER_TICKS = "reminder-ticks"
SWEEP_TICKS = "sweep-ticks"
WATCH_TICKS = "watch-ticks"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to publish: its bytes and its attributes."""

    data: bytes
    attributes: Mapping[str, str] = field(default_factory=dict)


class Publisher(Protocol):
    async def publish(self, topic: str, messages: Sequence[Outgoing]) -> None:
        """Publish all `messages` to `topic`; returns when Pub/Sub has them. Raises when it may not."""


class PubSubPublisher:
    """Google's own asynchronous client, imported and connected at the first message.

    Its import costs 300 ms, which an instance that publishes nothing is spared. And servers fork after a function's
    module was read: gRPC does not survive that.

    Args:
        project: the project that holds the topics.
        emulator_host: `host:port` of an emulator, or None for the cloud.
    """

    def __init__(self, project: str, *, emulator_host: str | None = None) -> None:
        self._project = project
        self._emulator_host = emulator_host
        self._client: PublisherAsyncClient | None = None

    async def publish(self, topic: str, messages: Sequence[Outgoing]) -> None:
        from google.pubsub_v1 import PubsubMessage

        client = self._connected()
        for request in _requests(messages):
            await client.publish(
                topic=f"projects/{self._project}/topics/{topic}",
                messages=[PubsubMessage(data=message.data, attributes=dict(message.attributes)) for message in request],
                timeout=PUBLISH_TIMEOUT_SECONDS,
            )

    def _connected(self) -> PublisherAsyncClient:
        if self._client is None:
            from google.pubsub_v1 import PublisherAsyncClient

            if self._emulator_host is None:
                self._client = PublisherAsyncClient()
            else:
                import grpc.aio
                from google.pubsub_v1.services.publisher.transports import PublisherGrpcAsyncIOTransport

                channel = grpc.aio.insecure_channel(self._emulator_host)
                self._client = PublisherAsyncClient(transport=PublisherGrpcAsyncIOTransport(channel=channel))
        return self._client


def _requests(messages: Sequence[Outgoing]) -> list[list[Outgoing]]:
    """Cut `messages` into requests that Pub/Sub takes: at most 1,000 messages and 10 MB each."""
    requests: list[list[Outgoing]] = []
    size = 0
    for message in messages:
        if (
            not requests
            or len(requests[-1]) == MAX_MESSAGES_PER_REQUEST
            or size + len(message.data) > MAX_REQUEST_BYTES
        ):
            requests.append([])
            size = 0
        requests[-1].append(message)
        size += len(message.data)
    return requests

"""Topics and subscriptions as data, and how to bring them about on a local broker."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import grpc
from google.api_core.exceptions import AlreadyExists, NotFound
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1 import PublisherClient, SubscriberClient, types
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

# What may have changed since the last start; the rest of a subscription is fixed at its creation.
_CHANGEABLE = (
    "push_config",
    "ack_deadline_seconds",
    "message_retention_duration",
    "retry_policy",
    "dead_letter_policy",
)

DEFAULT_RETENTION_SECONDS = 7 * 24 * 3600
"""Pub/Sub's own."""


@dataclass(frozen=True)
class Topic:
    """id: the short name, as in projects/PROJECT/topics/ID."""

    id: str


@dataclass(frozen=True)
class PullSubscription:
    """A subscription that keeps messages until somebody pulls them, for instance dead letters.

    id, topic: short names.
    """

    id: str
    topic: str


@dataclass(frozen=True)
class PushSubscription:
    """A subscription that POSTs each message to an address.

    id, topic: short names. endpoint: http or https URL.
    ack_deadline_seconds: how long an answer may take, 10 to 600.
    min_backoff_seconds, max_backoff_seconds: wait before a refused message comes again, 0 to 600, doubling.
    retention_seconds: how long a message that nobody takes is kept, 600 and more.
    dead_letter_topic: short name of the topic for messages refused `max_delivery_attempts` times (5 to 100), or None.
    ordered: messages with the same ordering key come one after another.
    filter: which messages; https://cloud.google.com/pubsub/docs/subscription-message-filter
    unwrapped: the body is the message's data, attributes become headers.
    """

    id: str
    topic: str
    endpoint: str
    ack_deadline_seconds: int = 60
    min_backoff_seconds: float = 10
    max_backoff_seconds: float = 600
    retention_seconds: int = DEFAULT_RETENTION_SECONDS
    dead_letter_topic: str | None = None
    max_delivery_attempts: int = 5
    ordered: bool = False
    filter: str = ""
    unwrapped: bool = False


@dataclass(frozen=True)
class Topology:
    """All topics and subscriptions of a project."""

    topics: tuple[Topic, ...] = ()
    subscriptions: tuple[PushSubscription | PullSubscription, ...] = ()


def create(topology: Topology, emulator_host: str, project: str) -> None:
    """Create what is missing on a local broker and bring what is there up to date; harmless to repeat.

    emulator_host: host:port of the built-in broker or Google's emulator. project: id of the Google Cloud project.
    Raises google.api_core.exceptions.GoogleAPICallError when the broker refuses, and ValueError when a subscription
    of that name exists on another topic.
    """
    with _clients(emulator_host) as (publisher, subscriber):
        for topic in topology.topics:
            with contextlib.suppress(AlreadyExists):
                publisher.create_topic(name=topic_name(project, topic.id))
        for subscription in topology.subscriptions:
            wanted = _wire(subscription, project)
            try:
                subscriber.create_subscription(request=wanted)
            except AlreadyExists:
                _update(subscriber, wanted)


def remove(topology: Topology, emulator_host: str, project: str) -> None:
    """Take topics and subscriptions from a local broker, as far as they are there. Arguments as of `create`."""
    with _clients(emulator_host) as (publisher, subscriber):
        for subscription in topology.subscriptions:
            with contextlib.suppress(NotFound):
                subscriber.delete_subscription(subscription=subscription_name(project, subscription.id))
        for topic in topology.topics:
            with contextlib.suppress(NotFound):
                publisher.delete_topic(topic=topic_name(project, topic.id))


@contextlib.contextmanager
def _clients(emulator_host: str) -> Iterator[tuple[PublisherClient, SubscriberClient]]:
    with grpc.insecure_channel(emulator_host) as channel:
        publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        yield publisher, SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))


def topic_name(project: str, topic_id: str) -> str:
    """The full name of a topic."""
    return f"projects/{project}/topics/{topic_id}"


def subscription_name(project: str, subscription_id: str) -> str:
    """The full name of a subscription."""
    return f"projects/{project}/subscriptions/{subscription_id}"


def _update(subscriber: SubscriberClient, wanted: types.Subscription) -> None:
    present = subscriber.get_subscription(subscription=wanted.name)
    if present.topic != wanted.topic:
        raise ValueError(f"{wanted.name} exists on {present.topic}, not on {wanted.topic}")
    if any(getattr(present, name) != getattr(wanted, name) for name in _CHANGEABLE):
        subscriber.update_subscription(subscription=wanted, update_mask={"paths": list(_CHANGEABLE)})


def _wire(subscription: PushSubscription | PullSubscription, project: str) -> types.Subscription:
    wire = types.Subscription(
        name=subscription_name(project, subscription.id),
        topic=topic_name(project, subscription.topic),
        # Without this the cloud would remove a subscription that is idle for 31 days.
        expiration_policy=types.ExpirationPolicy(),
    )
    if isinstance(subscription, PullSubscription):
        return wire
    wire.ack_deadline_seconds = subscription.ack_deadline_seconds
    wire.message_retention_duration = _duration(subscription.retention_seconds)
    wire.enable_message_ordering = subscription.ordered
    wire.filter = subscription.filter
    wire.push_config = types.PushConfig(push_endpoint=subscription.endpoint)
    if subscription.unwrapped:
        wire.push_config.no_wrapper = types.PushConfig.NoWrapper(write_metadata=True)
    wire.retry_policy = types.RetryPolicy(
        minimum_backoff=_duration(subscription.min_backoff_seconds),
        maximum_backoff=_duration(subscription.max_backoff_seconds),
    )
    if subscription.dead_letter_topic is not None:
        wire.dead_letter_policy = types.DeadLetterPolicy(
            dead_letter_topic=topic_name(project, subscription.dead_letter_topic),
            max_delivery_attempts=subscription.max_delivery_attempts,
        )
    return wire


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(round(seconds * 1e9))
    return duration

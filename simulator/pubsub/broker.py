"""Topics and subscriptions, and what happens to a message that is published. Everything is in memory only."""

from collections.abc import Iterable
from itertools import count
from typing import Any

from google.protobuf import field_mask_pb2
from google.pubsub_v1 import types

from simulator.clock import present
from simulator.pubsub.delivery.backlog import Delivery, Memory
from simulator.pubsub.delivery.subscription import Subscription
from simulator.pubsub.errors import AlreadyExistsError, InvalidArgumentError, NotFoundError, ResourceExhaustedError
from simulator.pubsub.faults import Faults
from simulator.pubsub.limits import check_publish, check_topic, complete_subscription
from simulator.pubsub.messages import (
    ATTRIBUTE_OVERHEAD_BYTES,
    OVERHEAD_BYTES,
    Message,
    dead_letter_attributes,
    publish_time,
)

DELETED_TOPIC = "_deleted-topic_"
DEFAULT_MEMORY_BYTES = 1_000_000_000

_SubscriptionConfig: Any = types.Subscription.pb()
_IMMUTABLE = frozenset({"name", "topic", "filter", "enable_message_ordering", "state", "detached"})
_NO_ATTRIBUTES: dict[str, str] = {}


class Broker:
    """The state of the bus. Create it in a running event loop; all calls come from that loop's thread.

    memory_bytes: what unacknowledged messages may take together; beyond it publishing is refused.
    max_outstanding: pushes under way at once, for each subscription.
    """

    def __init__(self, memory_bytes: int, max_outstanding: int) -> None:
        self.faults = Faults()
        self.memory = Memory(memory_bytes)
        self.closing = False
        self.topics: dict[str, Any] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self._by_topic: dict[str, dict[str, Subscription]] = {}
        self._max_outstanding = max_outstanding
        # Ids must not come again after a restart: subscribers may remember those that they have handled.
        self._ids = count(int(present() * 1e6))

    # Topics

    def create_topic(self, topic: Any) -> Any:
        """Raises InvalidArgumentError, UnimplementedError or AlreadyExistsError."""
        check_topic(topic)
        if topic.name in self.topics:
            raise AlreadyExistsError(f"Resource already exists in the project (resource={topic.name}).")
        self.topics[topic.name] = topic
        self._by_topic[topic.name] = {}
        return topic

    def topic(self, name: str) -> Any:
        """The google.pubsub.v1.Topic of that name. Raises NotFoundError."""
        topic = self.topics.get(name)
        if topic is None:
            raise NotFoundError(f"Resource not found (resource={name}).")
        return topic

    def subscriptions_of(self, topic: str) -> dict[str, Subscription]:
        """By name. Raises NotFoundError."""
        self.topic(topic)
        return self._by_topic[topic]

    def delete_topic(self, name: str) -> None:
        """Its subscriptions stay and keep what they have, as in the cloud. Raises NotFoundError."""
        for subscription in self.subscriptions_of(name).values():
            subscription.config.topic = DELETED_TOPIC
        del self.topics[name], self._by_topic[name]

    # Subscriptions

    def create_subscription(self, config: Any) -> Any:
        """Raises InvalidArgumentError, UnimplementedError, NotFoundError (its topics) or AlreadyExistsError."""
        complete_subscription(config)
        if config.name in self.subscriptions:
            raise AlreadyExistsError(f"Resource already exists in the project (resource={config.name}).")
        siblings = self.subscriptions_of(config.topic)
        self._check_dead_letter_topic(config)
        config.state = _SubscriptionConfig.ACTIVE
        subscription = Subscription(config, self.memory, self.faults, self._max_outstanding, self._forward)
        self.subscriptions[config.name] = siblings[config.name] = subscription
        return config

    def subscription(self, name: str) -> Subscription:
        """Raises NotFoundError."""
        subscription = self.subscriptions.get(name)
        if subscription is None:
            raise NotFoundError(f"Resource not found (resource={name}).")
        return subscription

    def update_subscription(self, changes: Any, paths: Iterable[str]) -> Any:
        """paths: the fields of `changes` to take over. Raises what `create_subscription` raises."""
        subscription = self.subscription(changes.name)
        fields = list(paths)
        if not fields:
            raise InvalidArgumentError("The update_mask must be set and must contain a non-empty paths list.")
        for path in fields:
            if path.partition(".")[0] not in _SubscriptionConfig.DESCRIPTOR.fields_by_name:
                raise InvalidArgumentError(f"Invalid update_mask: {path} is not a known Subscription field.")
            if path in _IMMUTABLE:
                raise InvalidArgumentError(f"Invalid update_mask: the {path} field in the Subscription is not mutable.")
        updated = _SubscriptionConfig()
        updated.CopyFrom(subscription.config)
        field_mask_pb2.FieldMask(paths=fields).MergeMessage(changes, updated, True, True)
        complete_subscription(updated)
        self._check_dead_letter_topic(updated)
        subscription.configure(updated)
        return updated

    def delete_subscription(self, name: str) -> None:
        """What it had not delivered is gone. Raises NotFoundError."""
        subscription = self.subscription(name)
        subscription.delete()
        del self.subscriptions[name]
        self._by_topic.get(subscription.config.topic, {}).pop(name, None)

    # Messages

    def publish(self, request: Any) -> list[str]:
        """Publish a google.pubsub.v1.PublishRequest: all of it or nothing. Returns the messages' ids.

        Raises InvalidArgumentError, NotFoundError, or ResourceExhaustedError when memory is full.
        """
        check_publish(request)
        self.topic(request.topic)
        published_ms = int(present() * 1e3)
        published = publish_time(published_ms)
        messages = [
            self._message(sent.data, dict(sent.attributes), sent.ordering_key, published_ms, published)
            for sent in request.messages
        ]
        self._distribute(request.topic, messages, bounded=True)
        return [message.id for message in messages]

    def close(self) -> None:
        """Deliver no more; what is under way may finish."""
        self.closing = True
        for subscription in self.subscriptions.values():
            subscription.stop()

    async def drain(self) -> None:
        """Wait for the pushes under way."""
        for subscription in list(self.subscriptions.values()):
            await subscription.drain()

    def stats(self) -> dict[str, Any]:
        """The state of the broker, for people and tests."""
        return {
            "topics": len(self.topics),
            "memory_bytes": self.memory.used,
            "memory_limit_bytes": self.memory.limit,
            "subscriptions": {name: subscription.stats() for name, subscription in self.subscriptions.items()},
        }

    def _message(
        self, data: bytes, attributes: dict[str, str], ordering_key: str, published_ms: int, published: str
    ) -> Message:
        size = OVERHEAD_BYTES + len(data)
        for key, value in attributes.items():
            size += ATTRIBUTE_OVERHEAD_BYTES + len(key) + len(value)
        return Message(
            str(next(self._ids)), data, attributes or _NO_ATTRIBUTES, ordering_key, published_ms, published, size
        )

    def _distribute(self, topic: str, messages: list[Message], *, bounded: bool) -> None:
        matching = [
            (subscription, [message for message in messages if subscription.matches(message.attributes)])
            for subscription in self._by_topic[topic].values()
        ]
        if bounded:
            needed = sum(message.size for _, matched in matching for message in matched)
            if self.memory.used + needed > self.memory.limit:
                raise ResourceExhaustedError(
                    f"The broker's memory for unacknowledged messages is full: {self.memory.used} bytes of "
                    f"{self.memory.limit} are taken and {needed} more are needed. Nothing of the request was published."
                )
        for subscription, matched in matching:
            if matched:
                subscription.add(matched)

    def _forward(self, source: Subscription, delivery: Delivery, topic: str) -> bool:
        """Move a message to a dead-letter topic; False when that topic is gone, so that the message stays."""
        if topic not in self.topics:
            return False
        message = delivery.message
        attributes = dead_letter_attributes(message, source.name, delivery.attempt)
        now_ms = int(present() * 1e3)
        moved = self._message(message.data, attributes, message.ordering_key, now_ms, publish_time(now_ms))
        # The message leaves one backlog for another: the bound on memory must not lose it on the way.
        self._distribute(topic, [moved], bounded=False)
        return True

    def _check_dead_letter_topic(self, config: Any) -> None:
        if config.HasField("dead_letter_policy"):
            self.topic(config.dead_letter_policy.dead_letter_topic)

"""The documented limits on what a caller may ask. Sources: https://cloud.google.com/pubsub/quotas#resource_limits,
https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names and the API reference of google.pubsub.v1."""

import re
from typing import Any, Final
from urllib.parse import urlsplit

from simulator.pubsub.errors import InvalidArgumentError, OutOfRangeError, UnimplementedError

MAX_MESSAGES: Final = 1000
MAX_PUBLISH_BYTES: Final = 10_000_000
MAX_ATTRIBUTES: Final = 100
MAX_KEY_BYTES: Final = 256
MAX_VALUE_BYTES: Final = 1024
MAX_ORDERING_KEY_BYTES: Final = 1024
MIN_ACK_DEADLINE: Final = 10
MAX_ACK_DEADLINE: Final = 600
MAX_BACKOFF_SECONDS: Final = 600
DEFAULT_BACKOFF_SECONDS: Final = (10, 600)
ATTEMPTS: Final = range(5, 101)
RETENTION_SECONDS: Final = 7 * 86_400
EXPIRATION_SECONDS: Final = 31 * 86_400

_NAME = re.compile(r"projects/[^/]+/(topics|subscriptions)/(?!goog)[A-Za-z][A-Za-z0-9\-._~+%]{2,254}")
_UNSUPPORTED_TOPIC = ("schema_settings", "ingestion_data_source_settings", "message_transforms")
_UNSUPPORTED_SUBSCRIPTION = (
    "bigquery_config",
    "cloud_storage_config",
    "bigtable_config",
    "enable_exactly_once_delivery",
    "message_transforms",
)


def check_name(kind: str, name: str) -> None:
    """kind: topics or subscriptions. Raises InvalidArgumentError for a name the cloud does not give out."""
    match = _NAME.fullmatch(name)
    if match is None or match[1] != kind:
        raise InvalidArgumentError(f"Invalid [{kind}] name: (name={name})")


def check_publish(request: Any) -> None:
    """Raises InvalidArgumentError for a google.pubsub.v1.PublishRequest that is too large or holds an unfit message."""
    number = len(request.messages)
    if number == 0:
        raise InvalidArgumentError("The publish request holds no messages.")
    if number > MAX_MESSAGES:
        raise InvalidArgumentError(
            f"The value for message_count is too large. You passed {number} in the request, "
            f"but the maximum value is {MAX_MESSAGES}."
        )
    if request.ByteSize() > MAX_PUBLISH_BYTES:
        raise InvalidArgumentError(f"Request payload size exceeds the limit: {MAX_PUBLISH_BYTES} bytes.")
    for message in request.messages:
        attributes = message.attributes
        if attributes:
            _check_attributes(attributes)
        elif not message.data:
            raise InvalidArgumentError(
                "One or more messages in the publish request is empty. "
                "Each message must contain either non-empty data, or at least one attribute."
            )
        if message.ordering_key and len(message.ordering_key.encode()) > MAX_ORDERING_KEY_BYTES:
            raise InvalidArgumentError(f"The ordering key is longer than {MAX_ORDERING_KEY_BYTES} bytes.")


def _check_attributes(attributes: Any) -> None:
    if len(attributes) > MAX_ATTRIBUTES:
        raise InvalidArgumentError(f"A message has {len(attributes)} attributes; the maximum is {MAX_ATTRIBUTES}.")
    for key, value in attributes.items():
        if not key or len(key.encode()) > MAX_KEY_BYTES:
            raise InvalidArgumentError(f"An attribute's key must have 1 to {MAX_KEY_BYTES} bytes (key={key[:300]!r}).")
        if key.startswith("goog"):
            raise InvalidArgumentError(f"An attribute's key must not start with 'goog' (key={key}).")
        if len(value.encode()) > MAX_VALUE_BYTES:
            raise InvalidArgumentError(f"The value of attribute {key!r} is longer than {MAX_VALUE_BYTES} bytes.")


def check_topic(topic: Any) -> None:
    """Raises InvalidArgumentError or UnimplementedError for a google.pubsub.v1.Topic that can't be made here."""
    check_name("topics", topic.name)
    _check_supported(topic, _UNSUPPORTED_TOPIC)


def complete_subscription(subscription: Any) -> None:
    """Check a google.pubsub.v1.Subscription and fill in the cloud's defaults, in place.

    Raises InvalidArgumentError or OutOfRangeError for values out of their bounds, UnimplementedError for kinds of
    delivery that exist only in the cloud.
    """
    check_name("subscriptions", subscription.name)
    _check_supported(subscription, _UNSUPPORTED_SUBSCRIPTION)
    subscription.ack_deadline_seconds = subscription.ack_deadline_seconds or MIN_ACK_DEADLINE
    if not MIN_ACK_DEADLINE <= subscription.ack_deadline_seconds <= MAX_ACK_DEADLINE:
        raise InvalidArgumentError(
            f"Invalid ack deadline given (ack_deadline_secs={subscription.ack_deadline_seconds}). "
            f"Must be between {MIN_ACK_DEADLINE} and {MAX_ACK_DEADLINE} seconds."
        )
    subscription.push_config.SetInParent()
    endpoint = subscription.push_config.push_endpoint
    if endpoint and not _is_web_address(endpoint):
        raise InvalidArgumentError(f"Invalid push endpoint given (endpoint={endpoint}).")
    if not subscription.HasField("message_retention_duration"):
        subscription.message_retention_duration.seconds = RETENTION_SECONDS
    if not subscription.HasField("expiration_policy"):
        subscription.expiration_policy.ttl.seconds = EXPIRATION_SECONDS
    if subscription.HasField("retry_policy"):
        _complete_retry(subscription.retry_policy)
    if subscription.HasField("dead_letter_policy"):
        policy = subscription.dead_letter_policy
        check_name("topics", policy.dead_letter_topic)
        policy.max_delivery_attempts = policy.max_delivery_attempts or ATTEMPTS.start
        if policy.max_delivery_attempts not in ATTEMPTS:
            raise OutOfRangeError(
                f"max_delivery_attempts must be between {ATTEMPTS.start} and {ATTEMPTS.stop - 1}. "
                f"You passed {policy.max_delivery_attempts} in the request."
            )


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # an address or a port that is none
        return False


def _complete_retry(retry: Any) -> None:
    for field, default in zip(("minimum_backoff", "maximum_backoff"), DEFAULT_BACKOFF_SECONDS, strict=True):
        if not retry.HasField(field):
            getattr(retry, field).seconds = default
    low, high = (backoff.seconds + backoff.nanos / 1e9 for backoff in (retry.minimum_backoff, retry.maximum_backoff))
    if not 0 <= low <= high <= MAX_BACKOFF_SECONDS:
        raise InvalidArgumentError(
            f"Back-offs must be between 0 and {MAX_BACKOFF_SECONDS} s, the minimum not the larger."
        )


def _check_supported(message: Any, fields: tuple[str, ...]) -> None:
    present = {descriptor.name for descriptor, _ in message.ListFields()}
    for field in fields:
        if field in present:
            raise UnimplementedError(f"This local broker does not support {field}.")

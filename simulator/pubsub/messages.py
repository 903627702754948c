"""A published message, and how a push carries it over HTTP.

Sources: https://cloud.google.com/pubsub/docs/push#receive_push and
https://cloud.google.com/pubsub/docs/payload-unwrapping
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

# What a stored message and each of its attributes take beside their own bytes, measured with 100,000 of them.
OVERHEAD_BYTES = 450
ATTRIBUTE_OVERHEAD_BYTES = 130

_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HEADER_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
# Headers that frame the request: an attribute of that name would break it.
_FRAMING = frozenset(
    {"connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)


@dataclass(slots=True, eq=False)
class Message:
    """One message as it was published.

    id: unique over all topics and over restarts of the broker.
    published_ms: Unix time in milliseconds; published: the same as a push states it.
    size: memory that it takes, bytes.
    """

    id: str
    data: bytes
    attributes: Mapping[str, str]
    ordering_key: str
    published_ms: int
    published: str
    size: int


def publish_time(published_ms: int) -> str:
    """A time as a push states it: RFC 3339, milliseconds, Z."""
    seconds, millis = divmod(published_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{millis:03d}Z"


def wrapped(message: Message, subscription: str, attempt: int | None) -> bytes:
    """The JSON body of a wrapped push.

    subscription: its full name.
    attempt: the delivery attempt from 1, or None when the subscription has no dead-letter policy.
    """
    inner: dict[str, Any] = {
        "attributes": message.attributes,
        "data": b64encode(message.data).decode(),
        "messageId": message.id,
        "message_id": message.id,
        "publishTime": message.published,
        "publish_time": message.published,
    }
    if message.ordering_key:
        inner["orderingKey"] = message.ordering_key
    body: dict[str, Any] = {"message": inner, "subscription": subscription}
    if attempt is not None:
        body["deliveryAttempt"] = attempt
    return orjson.dumps(body)


def metadata_headers(message: Message, subscription: str) -> str:
    """The header lines of an unwrapped push with write_metadata: the attributes, and what a wrapper would say.

    Attributes that HTTP can't carry as a header are left out.
    """
    lines = [
        f"{key}: {value}\r\n"
        for key, value in message.attributes.items()
        if key.lower() not in _FRAMING and _HEADER_NAME.fullmatch(key) and _HEADER_VALUE.fullmatch(value)
    ]
    lines.append(f"x-goog-pubsub-subscription-name: {subscription}\r\n")
    lines.append(f"x-goog-pubsub-message-id: {message.id}\r\n")
    lines.append(f"x-goog-pubsub-publish-time: {message.published}\r\n")
    if message.ordering_key and _HEADER_VALUE.fullmatch(message.ordering_key):
        lines.append(f"x-goog-pubsub-ordering-key: {message.ordering_key}\r\n")
    return "".join(lines)


def dead_letter_attributes(message: Message, subscription: str, attempts: int) -> dict[str, str]:
    """The attributes of a message that is forwarded to a dead-letter topic.

    Source: https://cloud.google.com/pubsub/docs/handling-failures#track-delivery-attempts
    """
    _, project, _, subscription_id = subscription.split("/")
    return {
        **message.attributes,
        "CloudPubSubDeadLetterSourceDeliveryCount": str(attempts),
        "CloudPubSubDeadLetterSourceSubscription": subscription_id,
        "CloudPubSubDeadLetterSourceSubscriptionProject": project,
        "CloudPubSubDeadLetterSourceTopicPublishTime": message.published.replace("Z", "+00:00"),
    }

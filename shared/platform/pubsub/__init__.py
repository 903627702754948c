"""Pub/Sub: topics, publishing, and what functions are pushed."""

from shared.platform.pubsub.publishing import (
    BULK_SEND_REQUESTS,
    DELIVERY_CALLBACKS,
    REMINDER_TICKS,
    SEND_REQUESTS,
    SUBSCRIPTION_EVENTS,
    SWEEP_TICKS,
    WATCH_TICKS,
    Outgoing,
    Publisher,
    PubSubPublisher,
)

__all__ = [
    "BULK_SEND_REQUESTS",
    "DELIVERY_CALLBACKS",
    "REMINDER_TICKS",
    "SEND_REQUESTS",
    "SUBSCRIPTION_EVENTS",
    "SWEEP_TICKS",
    "WATCH_TICKS",
    "Outgoing",
    "PubSubPublisher",
    "Publisher",
]

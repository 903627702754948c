"""Whether two events say the same: what is left when only the spelling differs is equal, and nothing else is."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from typing import Any

from shared.contracts.events import SubscriptionEvent

FINGERPRINT_BYTES = 16


def fingerprint(event: SubscriptionEvent) -> bytes:
    """A hash of all that an event says, beside whose it is and which: equal for two that say the same.

    The order of names, white space, the spelling of a number (1, 1.0, 1e0), the offset of a time and what `clean` mends
    make no difference. A field that is absent says nothing, and null clears: those differ.
    """
    said = [
        event.type,
        event.time_utc.isoformat(),
        event.subject,
        event.customer.id,
        _spelled(event.customer.told),
        _spelled(event.fields),
    ]
    return hashlib.sha256(_WRITER.encode(said).encode()).digest()[:FINGERPRINT_BYTES]


_WRITER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def _spelled(value: Any) -> Any:
    """The value with each whole number as an integer, so that it has one spelling; other numbers have but one."""
    if isinstance(value, dict):
        return {name: item if isinstance(item, str) else _spelled(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_spelled(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(Decimal(repr(value)))  # as it is written: the float itself may be a little more or less
    return value

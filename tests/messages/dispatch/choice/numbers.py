"""Sender numbers as rows."""

from __future__ import annotations

from typing import Any

from tests.clock import NOON
from tests.scratch import Row


def sender_row(tenant: str, number: str, **other: Any) -> Row:
    """A number that is registered and verified, unless told otherwise."""
    verified = {"registered_at": NOON, "verified_at": NOON, "verified_how": "seen"}
    return {"tenant": tenant, "number": number, **verified, **other}

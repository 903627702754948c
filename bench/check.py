"""Whether each message was told once: the provider's own account against ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import httpx
import orjson

from bench.results import Check
from shared.providers.solapi import CUSTOM_FIELD

_TIMEOUT_SECONDS = 60.0


def check(simulator_url: str, messages: Iterable[UUID]) -> Check:
    """Compare `messages` with what the simulated provider accepted."""
    answer = httpx.get(f"{simulator_url}/control/accepted", timeout=_TIMEOUT_SECONDS).raise_for_status()
    return compare(messages, orjson.loads(answer.content)["accepted"])


def compare(messages: Iterable[UUID], accepted: Iterable[dict[str, Any]]) -> Check:
    """As `check`, with the provider's list."""
    times = Counter(UUID(entry["customFields"][CUSTOM_FIELD].split("/")[0]) for entry in accepted)
    ours = set(messages)
    return Check(
        messages=len(ours),
        accepted=times.total(),
        repeated=sum(1 for count in times.values() if count > 1),
        missing=len(ours - times.keys()),
    )

"""Time as a parameter: seconds since the epoch, and the two ways in which providers write them."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

Clock = Callable[[], float]
"""Answers the present as seconds since the epoch; `present` unless a test gives another one."""

KST = timezone(timedelta(hours=9), "KST")


def present() -> float:
    """The wall clock of whoever is simulated. It is not ours: a provider's clock knows nothing of its customers'."""
    return time.time()


def iso(moment: float | None) -> str | None:
    """ISO 8601 in UTC with milliseconds and a Z, as JavaScript writes it. None stays None."""
    if moment is None:
        return None
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_iso(text: str) -> float:
    """Seconds since the epoch of an ISO 8601 text.

    A text without an offset is read as UTC, as a server in UTC reads it: a Korean time written without its offset
    therefore means nine hours later.

    Raises:
        ValueError: the text is not ISO 8601.
    """
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def korean_span(first: str, last: str) -> tuple[float, float]:
    """Seconds since the epoch of two moments that are written YYYY-MM-DD HH:MM:SS in Korean time.

    Raises:
        ValueError: one of them is written otherwise.
    """
    start, end = (
        datetime.strptime(each, "%Y-%m-%d %H:%M:%S").replace(tzinfo=KST).timestamp() for each in (first, last)
    )
    return start, end

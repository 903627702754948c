"""Time as a parameter: seconds since the epoch, and the two ways in which providers write them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

Clock = Callable[[], float]
"""Answers the present as seconds since the epoch; `time.time` outside of tests."""

KST = timezone(timedelta(hours=9), "KST")


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

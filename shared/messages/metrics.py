"""What becomes of messages, counted: a line for each outcome, channel and provider of a batch, from what is in hand.

Charts and alerts are made of these lines, so the database is asked nothing for them. What a claim ends (expired,
cancelled, no credit) is in no line, for the claim gives back only what is to be sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from shared.messages.composing import NewMessage
from shared.messages.status import Change, Status
from shared.platform.logs import log

Tally = Counter[tuple[str, str, str, str]]
"""By outcome, provider, channel and reason; the latter three may be empty."""

OURSELVES = "allim"
"""Named as the provider of what failed, or was refused by us, before any was asked."""


def count_queued(messages: Sequence[NewMessage]) -> None:
    """Messages were accepted, or failed as they were made. Their channel is their route's first."""
    _write(
        Counter(
            ("accepted", "", message.route.channels[0], "")
            if message.reason is None
            else ("failed", OURSELVES, message.route.channels[0], message.reason)
            for message in messages
        )
    )


def count_sent(provider: str, channels: Iterable[str]) -> None:
    """A provider was told to send a batch: the channel of each message in it."""
    _write(Counter(("sent", provider, channel, "") for channel in channels))


def count_changes(changes: Iterable[tuple[str, Change]]) -> None:
    """Reports moved messages: the provider that told, and the change. A message that goes on to its next channel is
    `fell_back`, and counted on that one; what was sent is counted when it is sent."""
    _write(
        Counter(
            (_outcome(change), provider, change.channel, change.reason or "")
            for provider, change in changes
            if change.state.status is not Status.SENT
        )
    )


def _outcome(change: Change) -> str:
    return "fell_back" if change.requeued else str(change.state.status)


def _write(tally: Tally) -> None:
    for (outcome, provider, channel, reason), number in tally.items():
        fields = {"outcome": outcome, "provider": provider, "channel": channel, "reason": reason, "count": number}
        log("metrics").info("counted", extra={"fields": fields})

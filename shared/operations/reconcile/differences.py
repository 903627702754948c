"""What a provider's count of a day and ours differ in, and why as far as numbers tell. Nothing here asks anybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from shared.providers import ALL_CHANNELS, Billed


class Reason(StrEnum):
    """Why a count differs.

    LATE_REPORT: it delivered what we have no final report of; one may still come.
    UNKNOWN: it delivered what we can't say of whether it was sent.
    CHARGED_TWICE: it counts more than we handed over: twice, or sent past us by somebody who has the account's key.
    NOT_SEEN: it counts less than it took of us.
    PRICE_DIFFERS: it took other prices than we know of.
    REFUNDED: one of us gave back the money for what the other counts as delivered.
    NOTHING_FOUND: it has nothing of a channel by which we sent.
    """

    LATE_REPORT = "late_report"
    UNKNOWN = "unknown"
    CHARGED_TWICE = "charged_twice"
    NOT_SEEN = "not_seen"
    PRICE_DIFFERS = "price_differs"
    REFUNDED = "refunded"
    NOTHING_FOUND = "nothing_found"


class Ours(NamedTuple):
    """What became of the messages that we handed over on a day, by one channel.

    delivered: reported so.
    waiting: taken, and without a final report.
    unknown: nobody can say whether they were sent.
    failed: reported so; a part of them may never have been taken, and then no provider counts them.
    charged: won that tenants were charged for those delivered.
    """

    delivered: int = 0
    waiting: int = 0
    unknown: int = 0
    failed: int = 0
    charged: Decimal = Decimal(0)

    @property
    def surely_sent(self) -> int:
        """How many the provider must have, at least."""
        return self.delivered + self.waiting

    @property
    def handed_over(self) -> int:
        """How many it can have, at most."""
        return self.surely_sent + self.unknown + self.failed


class Difference(NamedTuple):
    """A part of a difference that has one reason.

    channel: `ALL_CHANNELS` where only a sum differs.
    messages: how many; at least one, but for a price.
    won: what it comes to at the provider's price, as more than we know of (negative: less); None where no price is
        known.
    """

    channel: str
    reason: Reason
    messages: int
    won: Decimal | None


NOTHING = Ours()


def differences(ours: Mapping[str, Ours], theirs: Sequence[Billed], costs: Mapping[str, Decimal]) -> list[Difference]:
    """Each difference of a day of an account, with its reason.

    Args:
        ours: by channel.
        theirs: by the provider.
        costs: won that it takes for a message, by channel.
    """
    told = {row.channel: row for row in theirs}
    found: list[Difference] = []
    for channel in sorted({*ours, *told} - {ALL_CHANNELS}):
        mine, row = ours.get(channel, NOTHING), told.get(channel)
        counts = _nothing(mine) if row is None else _of_counts(mine, row)
        cost = costs.get(channel)
        found += [
            Difference(channel, reason, abs(number), None if cost is None else number * cost)
            for reason, number in counts.items()
            if number
        ]
        if row is not None and row.amount is not None and cost is not None:
            found += _of_price(channel, row.amount, cost * row.succeeded, cost * row.sent, row.succeeded)
    whole = told.get(ALL_CHANNELS)
    parts = [row for channel, row in told.items() if channel != ALL_CHANNELS]
    if whole is not None and whole.amount is not None and all(row.channel in costs for row in parts):
        least = sum((costs[row.channel] * row.succeeded for row in parts), Decimal(0))
        most = sum((costs[row.channel] * row.sent for row in parts), Decimal(0))
        if whole.sent == sum(row.sent for row in parts):  # else it has carried what we have no channel for
            found += _of_price(ALL_CHANNELS, whole.amount, least, most, whole.succeeded)
    return found


def _nothing(mine: Ours) -> dict[Reason, int]:
    return {Reason.NOTHING_FOUND: -mine.surely_sent}


def _of_counts(mine: Ours, row: Billed) -> dict[Reason, int]:
    """By reason, how many more it counts than we; fewer, where negative."""
    too_many = max(row.sent - mine.handed_over, 0)
    too_few = max(mine.surely_sent - row.sent, 0)
    more = max(row.succeeded - mine.delivered - too_many, 0)
    late = min(more, mine.waiting)
    unknown = min(more - late, mine.unknown)
    fewer = max(mine.delivered - row.succeeded - too_few, 0)
    return {
        Reason.CHARGED_TWICE: too_many,
        Reason.NOT_SEEN: -too_few,
        Reason.LATE_REPORT: late,
        Reason.UNKNOWN: unknown,
        Reason.REFUNDED: more - late - unknown - fewer,
    }


def _of_price(channel: str, amount: Decimal, least: Decimal, most: Decimal, messages: int) -> list[Difference]:
    """It takes for what it delivered, and until it has given back for the rest, for that too."""
    won = amount - min(max(amount, least), most)
    return [Difference(channel, Reason.PRICE_DIFFERS, messages, won)] if won else []

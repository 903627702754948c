"""What an account's calls say of it: how much is sent by it, and when nothing is.

Weights move as GOV.UK Notify's do (`dao_reduce_sms_provider_priority` of alphagov/notifications-api): ten points down
after a bad minute, at most once a minute, and ten up again at a time, more slowly. What it learnt since is heeded: one
error says nothing (its pull request 4257 wants many within a minute), a fifth of the calls does (2373), and who has no
other account goes on by it (3488): weights are relative. None goes down to nothing, or its recovery would not be seen.

A circuit breaker is beside that: closed, open after failures in a row or a bad minute, and half-open once its time is
over: then one claim's few messages try it. While a trial fails it stays open for twice as long each time.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

BOUNDS_MS = (
    *(10, 20, 30, 50, 75, 100, 150, 200, 300, 500, 750),
    *(1_000, 1_500, 2_000, 3_000, 5_000, 7_500, 10_000, 15_000, 20_000, 30_000, 60_000),
)
"""Calls are counted by the first of these milliseconds within which they ended; the last count is of longer ones."""

SLOW_FROM = BOUNDS_MS.index(5_000) + 1
"""A call is slow that took longer than five seconds: most take some tenths of one."""

NO_CALLS: tuple[int, ...] = (0,) * (len(BOUNDS_MS) + 1)

FULL, STEP, LEAST = 100, 10, 10
"""Weights are hundredths of what an account was given."""

BAD_MINUTE = dt.timedelta(minutes=1)
"""So seldom a weight goes down."""

RISE = dt.timedelta(minutes=2)
"""So long after it went down, and after each step, a weight goes up by one."""

BAD_SHARE, ENOUGH_CALLS = 0.2, 10
"""Of the calls of this minute and the one before, those that failed, or those that were slow."""

OPENING_IN_A_ROW = 5
OPENING_SHARE, ENOUGH_TO_OPEN = 0.5, 20

OPEN_FOR, OPEN_AT_MOST = dt.timedelta(seconds=10), dt.timedelta(minutes=5)


class Breaker(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of an account at a provider.

    Attributes:
        latencies, failures: of the calls of the newest minute, counted by `BOUNDS_MS`, and how many of them failed.
        latencies_before, failures_before: of the minute before that one.
        in_a_row: failures since a call last went well.
        weight: hundredths of what the account was given, as of `moved_at`, if it ever moved.
        opens: how often the breaker opened since the account was well.
        opened_at: since when it is open or half-open; None: it is closed.
        open_until: half-open from then on; None while it is closed.
        trial_until: until then somebody is trying, if anybody is.
    """

    latencies: Sequence[int] = NO_CALLS
    failures: int = 0
    latencies_before: Sequence[int] = NO_CALLS
    failures_before: int = 0
    in_a_row: int = 0
    weight: int = FULL
    moved_at: dt.datetime | None = None
    opens: int = 0
    opened_at: dt.datetime | None = None
    open_until: dt.datetime | None = None
    trial_until: dt.datetime | None = None

    @property
    def all_latencies(self) -> tuple[int, ...]:
        """Of both minutes."""
        return tuple(new + old for new, old in zip(self.latencies, self.latencies_before or NO_CALLS, strict=True))

    @property
    def calls(self) -> int:
        return sum(self.all_latencies)

    @property
    def error_rate(self) -> float:
        """The share of the calls that failed; 0 without any."""
        return (self.failures + self.failures_before) / self.calls if self.calls else 0.0

    @property
    def slow_rate(self) -> float:
        return sum(self.all_latencies[SLOW_FROM:]) / self.calls if self.calls else 0.0


def latency_bucket(took: dt.timedelta) -> int:
    """Where a call is counted that took so long."""
    return bisect_left(BOUNDS_MS, took / dt.timedelta(milliseconds=1))


def percentile_ms(latencies: Sequence[int], share: float) -> float | None:
    """The milliseconds within which that share of the calls ended, of counts by `BOUNDS_MS`; None without any.

    Within the bounds of a count its calls are taken for evenly spread; those beyond the last bound for just that long.
    """
    wanted, seen = share * sum(latencies), 0
    for at, count in enumerate(latencies):
        if count and seen + count >= wanted:
            above = BOUNDS_MS[min(at, len(BOUNDS_MS) - 1)]
            below = BOUNDS_MS[at - 1] if at else 0
            return round(below + (above - below) * max(0.0, wanted - seen) / count, 1)
        seen += count
    return None


def breaker(health: Health, now: dt.datetime) -> Breaker:
    """The state of an account's circuit breaker."""
    if health.open_until is None:
        return Breaker.CLOSED
    return Breaker.OPEN if now < health.open_until else Breaker.HALF_OPEN


def risen(health: Health, now: dt.datetime) -> int:
    """The weight of an account whose breaker is closed: what it was brought down to, and what it has risen since."""
    if health.moved_at is None:
        return health.weight
    return min(FULL, health.weight + STEP * max(0, (now - health.moved_at) // RISE))


def judged(health: Health, now: dt.datetime) -> Health:
    """What follows from calls that failed or were slow, and were just counted. The same, when nothing does."""
    if health.opened_at is not None:
        return health
    fails = health.calls >= ENOUGH_TO_OPEN and health.error_rate >= OPENING_SHARE
    if fails or health.in_a_row >= OPENING_IN_A_ROW:
        return _opened(health if risen(health, now) < FULL else replace(health, opens=0), now)
    bad = health.calls >= ENOUGH_CALLS and (health.error_rate >= BAD_SHARE or health.slow_rate >= BAD_SHARE)
    if bad and (health.moved_at is None or now - health.moved_at >= BAD_MINUTE):
        return replace(health, weight=max(LEAST, risen(health, now) - STEP), moved_at=now)
    return health


def tried(health: Health, now: dt.datetime, *, well: bool) -> Health:
    """What follows from the end of a trial: the breaker closes, and little is sent at first; or it is open for longer.
    Of one that somebody else's trial has closed meanwhile, nothing."""
    if health.opened_at is None:
        return health
    if not well:
        return _opened(health, now)
    return replace(
        health,
        latencies=NO_CALLS,
        failures=0,
        latencies_before=NO_CALLS,
        failures_before=0,
        in_a_row=0,
        weight=LEAST,
        moved_at=now,
        opened_at=None,
        open_until=None,
        trial_until=None,
    )


def _opened(health: Health, now: dt.datetime) -> Health:
    longer: int = 2 ** min(health.opens, 10)
    return replace(
        health,
        opens=health.opens + 1,
        opened_at=health.opened_at or now,
        open_until=now + min(OPEN_FOR * longer, OPEN_AT_MOST),
        trial_until=None,
    )

"""Who guesses: how often a source asked for what does not exist."""

from __future__ import annotations

import datetime as dt
from collections import Counter

from shared.platform.clock import Clock

OF_ONE_SOURCE = 30
OF_ALL = 3_000
"""So many sources at most are remembered."""

EVERY = dt.timedelta(minutes=1)


class Misses:
    """Counts a minute's look-ups that found nothing, in one instance. What is asked for does not matter, who asks does.

    Args:
        clock: the time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since = clock.now()
        self._of: Counter[str] = Counter()

    def are_too_many(self, source: str) -> bool:
        """Whether nothing is looked up for a source any more in this minute."""
        now = self._clock.now()
        if now - self._since >= EVERY:
            self._since = now
            self._of.clear()
        return self._of[source] >= OF_ONE_SOURCE or self._of.total() >= OF_ALL

    def count(self, source: str) -> None:
        """It asked for something that does not exist."""
        self._of[source] += 1

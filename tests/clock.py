"""The time of tests: it stands still until it is moved, and knows nothing of today."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from shared.platform.clock import WallClock

NOON = dt.datetime(2026, 11, 21, 3, tzinfo=dt.UTC)
"""12:00 in Seoul."""


class SettableClock:
    """Time that stands still until it is moved. Whoever sleeps moves it, and lets the others go on."""

    def __init__(self, moment: dt.datetime = NOON) -> None:
        self.moment = moment

    def now(self) -> dt.datetime:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        self.moment += dt.timedelta(seconds=seconds)


class Pauses(SettableClock):
    """Remembers how long was slept."""

    def __init__(self, moment: dt.datetime = NOON) -> None:
        super().__init__(moment)
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await super().sleep(seconds)


@contextmanager
def instead_of_the_wall_clock(clock: SettableClock) -> Iterator[None]:
    """Whoever takes the machine's time, in this process, is given this one: the command line does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WallClock, "now", lambda wall_clock: clock.now())
        yield


class DrivenClock(SettableClock):
    """Time stands still until all who share it sleep; then it goes on to where the first of them wakes."""

    def __init__(self, sharers: int) -> None:
        super().__init__()
        self._sharers = sharers
        self._asleep: list[tuple[dt.datetime, asyncio.Event]] = []

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        self._asleep.append((self.moment + dt.timedelta(seconds=seconds), woken))
        if len(self._asleep) == self._sharers:
            self.wake_first()
        await woken.wait()

    def wake_first(self) -> None:
        self._asleep.sort(key=lambda sleeper: sleeper[0])
        self.moment, woken = self._asleep.pop(0)
        woken.set()

    def leave(self) -> None:
        """One of those who share it is gone."""
        self._sharers -= 1
        if self._asleep:
            self.wake_first()

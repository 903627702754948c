"""Loops beside one another, for as long as a tick lasts: the trouble of one is its own."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from shared.platform.clock import Clock
from shared.platform.logs import log

TICK = dt.timedelta(seconds=58)
"""A tick leaves before the next one comes; should it not, no harm is done."""

FIRST_PAUSE, LONGEST_PAUSE = dt.timedelta(seconds=1), dt.timedelta(seconds=10)
"""Of a loop whose pass failed: after each further failure in a row it waits twice as long, and the second at most."""


class Loop(NamedTuple):
    """What is done over and over.

    name: for the log.
    one_pass: one pass of it.
    every: from the end of a pass to the next.
    within: how long a pass may take; then it is ended, as if the process had.
    """

    name: str
    one_pass: Callable[[], Awaitable[object]]
    every: dt.timedelta
    within: dt.timedelta


def pause_after(failures: int) -> dt.timedelta:
    """How long a loop waits after so many failures in a row, from 1."""
    return min(FIRST_PAUSE * (1 << min(failures - 1, 10)), LONGEST_PAUSE)


class Rounds:
    """Holds several loops at once, each at its own pace and with its own deadline.

    What a pass raises (a dropped connection, a database that restarts) is written to the log and ends nothing: the loop
    goes on with its next pass.

    Args:
        loops: the loops.
        clock: the time.
        all_well: called once in each holding, when every loop has ended a pass well.
    """

    def __init__(
        self, loops: Sequence[Loop], clock: Clock, *, all_well: Callable[[], Awaitable[object]] | None = None
    ) -> None:
        self._loops = loops
        self._clock = clock
        self._all_well = all_well

    async def hold(self, stay: dt.timedelta = TICK) -> None:
        """Go round for that long; what is under way then comes to its end.

        Raises:
            ExceptionGroup: the last error of each loop, where no pass of any ended well in all that time.
        """
        leave_at = self._clock.now() + stay
        errors: dict[str, Exception] = {}
        unwell = {loop.name for loop in self._loops}
        async with asyncio.TaskGroup() as tasks:
            for loop in self._loops:
                tasks.create_task(self._go_round(loop, leave_at, unwell, errors))
        if errors and len(unwell) == len(self._loops):
            raise ExceptionGroup("no pass ended well", list(errors.values()))

    async def _go_round(
        self, loop: Loop, leave_at: dt.datetime, unwell: set[str], errors: dict[str, Exception]
    ) -> None:
        failures = 0
        while self._clock.now() < leave_at:
            try:
                async with asyncio.timeout(loop.within.total_seconds()):
                    await loop.one_pass()
                if loop.name in unwell:
                    if unwell == {loop.name} and self._all_well is not None:
                        await self._all_well()
                    unwell.discard(loop.name)
            except Exception as error:  # whatever it was, the other loops go on, and so does this one
                failures += 1
                errors[loop.name] = error
                log("loops").exception("a pass failed, and the next one goes on: %s", loop.name)
                pause = pause_after(failures)
            else:
                failures, pause = 0, loop.every
            left = leave_at - self._clock.now()
            await self._clock.sleep(max(dt.timedelta(0), min(pause, left)).total_seconds())

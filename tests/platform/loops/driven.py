"""Rounds on a clock that several share: each loop says when it is done."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Sequence

from shared.platform.loops.rounds import Loop, Rounds
from tests.clock import DrivenClock


class LeavingRounds(Rounds):
    """Rounds whose loops share `clock` with each other, and perhaps with others."""

    def __init__(
        self, loops: Sequence[Loop], clock: DrivenClock, *, all_well: Callable[[], Awaitable[object]] | None = None
    ) -> None:
        super().__init__(loops, clock, all_well=all_well)
        self._driven = clock

    async def _go_round(
        self, loop: Loop, leave_at: dt.datetime, unwell: set[str], errors: dict[str, Exception]
    ) -> None:
        await super()._go_round(loop, leave_at, unwell, errors)
        self._driven.leave()

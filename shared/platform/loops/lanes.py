"""Micro-batching in two lanes: whoever brings a crowd shares batches with crowds alone."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

from shared.platform.loops.coalescer import Coalescer

Item = TypeVar("Item")
Result = TypeVar("Result")

CALM_SECONDS = 5.0
"""So long somebody stays a crowd after more than a few of theirs were under way: crowds come in waves, and what holds
one up between two of them holds up those few too."""


class Lanes(Generic[Item, Result]):
    """Two coalescers. Who has more than a few under way is a crowd, and goes by the second one for a while.

    So somebody's few wait for nobody's many: neither for a batch that is full of them, nor for a lock that one holds.
    Both lanes still share a database and its processors, so a crowd has one batch at a time while few come besides.

    Args:
        work: as of `Coalescer`.
        whose: an item is.
        weigh: an item's weight.
        crowd: so much of anybody's, under way at once, is few.
        max_weight: a batch's size at most.
        max_running: batches under way at once, in each lane; of crowds only while nobody's few come.
        may_pass: as of `Coalescer`.
        monotonic: tells seconds, from whenever on.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]],
        *,
        whose: Callable[[Item], str],
        weigh: Callable[[Item], int],
        crowd: int,
        max_weight: int,
        max_running: int,
        may_pass: tuple[type[BaseException], ...],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        lane = partial(Coalescer, max_weight=max_weight, weigh=weigh, max_running=max_running, may_pass=may_pass)
        self._few: Coalescer[Item, Result] = lane(work)
        self._many: Coalescer[Item, Result] = lane(self._work_on_many)
        self._work = work
        self._whose = whose
        self._weigh = weigh
        self._crowd = crowd
        self._max_running = max_running
        self._under_way: Counter[str] = Counter()
        self._monotonic = monotonic
        self._crowd_until: dict[str, float] = {}
        self._few_under_way = self._few_so_far = 0

    async def submit(self, item: Item) -> Result:
        """Have `item` worked on in some batch. Returns its result or raises what the work raised for it."""
        whose, weight = self._whose(item), self._weigh(item)
        self._under_way[whose] += weight
        try:
            if self._is_crowd(whose):
                return await self._many.submit(item)
            return await self._submit_few(item)
        finally:
            self._under_way[whose] -= weight
            if not self._under_way[whose]:
                del self._under_way[whose]

    def _is_crowd(self, whose: str) -> bool:
        now = self._monotonic()
        if self._under_way[whose] > self._crowd:
            self._crowd_until = {name: until for name, until in self._crowd_until.items() if until > now}
            self._crowd_until[whose] = now + CALM_SECONDS
        return self._crowd_until.get(whose, now) > now

    async def _submit_few(self, item: Item) -> Result:
        self._many.max_running = 1
        self._few_under_way += 1
        self._few_so_far += 1
        try:
            return await self._few.submit(item)
        finally:
            self._few_under_way -= 1

    async def _work_on_many(self, items: Sequence[Item]) -> Sequence[Result]:
        before = self._few_so_far
        results = await self._work(items)
        # Between two of somebody's few there are always gaps: they come no more when none came during a whole batch.
        if self._few_so_far == before and not self._few_under_way:
            self._many.max_running = self._max_running
        return results

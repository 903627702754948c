"""Micro-batching in two lanes: whoever brings a crowd shares batches with crowds alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

from shared.platform.loops.coalescer import Coalescer

Item = TypeVar("Item")
Result = TypeVar("Result")


class Lanes(Generic[Item, Result]):
    """Two coalescers. What somebody brings while more than a few of theirs are under way goes by the second one.

    So somebody's few wait for nobody's many: neither for a batch that is full of them, nor for a lock that one holds.

    Args:
        work: as of `Coalescer`.
        whose: an item is.
        weigh: an item's weight.
        crowd: so much of anybody's, under way at once, is few.
        max_weight: a batch's size at most.
        max_running: batches under way at once, in each lane.
        may_pass: as of `Coalescer`.
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
    ) -> None:
        lane = partial(Coalescer, work, max_weight=max_weight, weigh=weigh, max_running=max_running, may_pass=may_pass)
        self._few: Coalescer[Item, Result] = lane()
        self._many: Coalescer[Item, Result] = lane()
        self._whose = whose
        self._weigh = weigh
        self._crowd = crowd
        self._under_way: Counter[str] = Counter()

    async def submit(self, item: Item) -> Result:
        """Have `item` worked on in some batch. Returns its result or raises what the work raised for it."""
        whose, weight = self._whose(item), self._weigh(item)
        self._under_way[whose] += weight
        lane = self._many if self._under_way[whose] > self._crowd else self._few
        try:
            return await lane.submit(item)
        finally:
            self._under_way[whose] -= weight
            if not self._under_way[whose]:
                del self._under_way[whose]

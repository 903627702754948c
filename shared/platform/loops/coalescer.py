"""Micro-batching: work that arrives together on one instance becomes one batch.

A lone item is worked on at once. While a batch is under way, what arrives waits and becomes the next one, so batches
grow with the load and nothing ever waits for a timer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from shared.platform.logs import Headers, current_request, log_for_batch

Item = TypeVar("Item")
Result = TypeVar("Result")


class Coalescer(Generic[Item, Result]):
    """Collects items of concurrent callers into batches.

    Args:
        work: takes a batch, returns a result for each item in the same order.
        max_weight: a batch's size at most; an item heavier than that makes a batch of its own.
        weigh: an item's weight; 1 unless told.
        max_running: batches under way at once. The attribute of that name may be changed, to one at least: it counts
            when something comes, and after each batch.
        may_pass: errors that say nothing about an item (the database is away). They go to every caller of the batch.
            Any other error may be the fault of one item: the batch is split until the culprit stands alone, so that
            the others go on.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]],
        *,
        max_weight: int,
        weigh: Callable[[Item], int] = lambda _: 1,
        max_running: int = 1,
        may_pass: tuple[type[BaseException], ...] = (),
    ) -> None:
        self._work = work
        self._max_weight = max_weight
        self._weigh = weigh
        self.max_running = max_running
        self._may_pass = may_pass
        self._waiting: deque[tuple[Item, asyncio.Future[Result], Headers | None]] = deque()
        self._running: set[asyncio.Task[None]] = set()

    async def submit(self, item: Item) -> Result:
        """Have `item` worked on in some batch. Returns its result or raises what the work raised for it."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future, current_request()))
        self._begin()
        return await future

    def _begin(self) -> None:
        if self._waiting and len(self._running) < self.max_running:
            self._running.add(asyncio.create_task(self._drain()))

    async def _drain(self) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - only ever run as a task
        try:
            # One turn of the loop lets callers that became ready together join the first batch.
            await asyncio.sleep(0)
            while self._waiting and len(self._running) <= self.max_running:
                batch = self._take()
                self._begin()
                await self._run(batch)
        finally:
            # In the same turn as the last look at what waits: a done callback would come a turn later, and whoever
            # submits in between would be left to wait for a task that has ended.
            self._running.discard(task)

    def _take(self) -> list[tuple[Item, asyncio.Future[Result]]]:
        batch: list[tuple[Item, asyncio.Future[Result]]] = []
        first = self._waiting[0][2]
        weight = 0
        while self._waiting:
            weight += self._weigh(self._waiting[0][0])
            if batch and weight > self._max_weight:
                break
            item, future, _ = self._waiting.popleft()
            batch.append((item, future))
        log_for_batch(first, len(batch))
        return batch

    async def _run(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._work([item for item, _ in batch])
            if len(results) != len(batch):
                raise ValueError(f"{len(results)} results for {len(batch)} items")
        except asyncio.CancelledError:  # the loop is closing down, and nobody is left to work for those who wait
            self._cancel(batch)
            raise
        except Exception as error:  # every error reaches the callers it belongs to
            if len(batch) == 1 or isinstance(error, self._may_pass):
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                return
            half = len(batch) // 2
            await self._run(batch[:half])
            await self._run(batch[half:])
            return
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)

    def _cancel(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        for future in [*(future for _, future in batch), *(future for _, future, _ in self._waiting)]:
            future.cancel()
        self._waiting.clear()

"""Batches in two lanes: somebody's few are never in a batch with a crowd's, and never wait for one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.platform.loops.lanes import CALM_SECONDS, Lanes
from tests.platform.loops.test_coalescer import in_a_loop

Item = tuple[str, int]
CROWD = 10


class Work:
    """Remembers its batches. One that has the crowd's items ends once it is `released`."""

    def __init__(self) -> None:
        self.batches: list[list[Item]] = []
        self.released = asyncio.Event()

    async def __call__(self, items: Sequence[Item]) -> Sequence[Item]:
        self.batches.append(list(items))
        if any(whose == "crowd" for whose, _ in items):
            await self.released.wait()
        if any(whose == "broken" for whose, _ in items):
            raise ValueError("broken")
        return items


def _lanes(
    work: Callable[[Sequence[Item]], Awaitable[Sequence[Item]]], monotonic: Callable[[], float] = lambda: 0.0
) -> Lanes[Item, Item]:
    return Lanes(
        work,
        whose=lambda item: item[0],
        weigh=lambda item: item[1],
        crowd=CROWD,
        max_weight=50,
        max_running=2,
        may_pass=(),
        monotonic=monotonic,
    )


@given(st.lists(st.integers(1, 40), min_size=1, max_size=20), st.lists(st.sampled_from(["cafe", "shop"]), max_size=10))
def test_few_are_done_while_a_crowd_is_held_up(crowd: Sequence[int], others: Sequence[str]) -> None:
    async def main() -> None:
        work = Work()
        lanes = _lanes(work)
        many = [asyncio.create_task(lanes.submit(("crowd", CROWD + weight))) for weight in crowd]
        few = [asyncio.create_task(lanes.submit((whose, 1))) for whose in others]
        assert await asyncio.gather(*few) == [(whose, 1) for whose in others]
        work.released.set()
        await asyncio.gather(*many)
        for batch in work.batches:
            assert len({whose == "crowd" for whose, _ in batch}) == 1, batch

    in_a_loop(main)


def test_many_small_items_of_one_are_a_crowd_too() -> None:
    async def main() -> None:
        work = Work()
        work.released.set()
        lanes = _lanes(work)
        await asyncio.gather(*(lanes.submit(("crowd", 1)) for _ in range(3 * CROWD)))
        assert sorted(len(batch) for batch in work.batches) == [CROWD, 2 * CROWD], "the first of them were few"

    in_a_loop(main)


def test_who_was_a_crowd_a_moment_ago_has_no_few_until_it_was_calm_for_long_enough() -> None:
    """Between two waves it has little under way, and what held up the first one holds up that too."""

    async def main() -> None:
        now = [0.0]
        work = Work()
        lanes = _lanes(work, lambda: now[0])
        work.released.set()
        await lanes.submit(("crowd", CROWD + 1))
        work.released.clear()
        now[0] = CALM_SECONDS * 0.99
        held_up = asyncio.create_task(lanes.submit(("crowd", 1)))
        assert await lanes.submit(("cafe", 1)) == ("cafe", 1)
        work.released.set()
        await held_up
        now[0] = CALM_SECONDS
        work.batches.clear()
        await asyncio.gather(lanes.submit(("crowd", 1)), lanes.submit(("cafe", 1)))
        assert work.batches == [[("crowd", 1), ("cafe", 1)]], "few again"

    in_a_loop(main)


class Counting:
    """Counts the crowd's batches under way; each lasts for so many turns."""

    def __init__(self) -> None:
        self.running = 0
        self.at_once: list[int] = []

    async def __call__(self, items: Sequence[Item]) -> Sequence[Item]:
        if items[0][0] == "crowd":
            self.running += 1
            self.at_once.append(self.running)
            for _ in range(8):
                await asyncio.sleep(0)
            self.running -= 1
        return items


async def _waves(lanes: Lanes[Item, Item]) -> None:
    """The crowd brings a batch each turn, which is faster than it is worked on."""
    coming = []
    for _ in range(10):
        coming.append(asyncio.create_task(lanes.submit(("crowd", 50))))
        await asyncio.sleep(0)
    await asyncio.gather(*coming)


def test_a_crowd_has_one_batch_at_a_time_while_few_come_and_all_of_them_when_nobody_else_does() -> None:
    async def main() -> None:
        work = Counting()
        lanes = _lanes(work)
        await _waves(lanes)
        assert max(work.at_once) == 2, "alone"
        work.at_once.clear()
        crowd = asyncio.create_task(_waves(lanes))
        while not crowd.done():
            await lanes.submit(("cafe", 1))
            await asyncio.sleep(0)  # between two of a neighbour's few there are gaps
        assert max(work.at_once) == 1, "beside a neighbour"
        work.at_once.clear()
        await _waves(lanes)
        assert max(work.at_once) == 2, "alone again"

    in_a_loop(main)


def test_an_error_is_its_items_alone_and_who_was_a_crowd_is_none_afterwards() -> None:
    async def main() -> None:
        work = Work()
        lanes = _lanes(work)
        with pytest.raises(ValueError, match="broken"):
            await lanes.submit(("broken", CROWD + 1))
        assert await lanes.submit(("cafe", CROWD)) == ("cafe", CROWD)
        assert not lanes._under_way

    in_a_loop(main)

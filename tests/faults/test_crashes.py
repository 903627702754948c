"""A process may end between any two things that it does. Whoever comes after it neither loses nor doubles a message."""

from __future__ import annotations

import itertools

import pytest

from tests.faults.boundaries import Hook
from tests.faults.fates import DELIVERED, assert_each_has_its_fate, queue_one_of_each
from tests.faults.world import Crash, FaultyWorld, ending_at


def ending_after(number: int) -> Hook:
    """A hook that ends its process after so many things done. What comes before the next one is the same moment."""
    done = itertools.count()

    async def hook(boundary: str) -> None:
        if boundary.startswith("after") and next(done) == number:
            raise Crash(boundary)

    return hook


@pytest.mark.parametrize("reports", ["webhook", "look-up"])
async def test_a_crash_at_any_moment_neither_loses_nor_doubles_a_message(world: FaultyWorld, reports: str) -> None:
    for number in itertools.count():
        await world.start_over()
        if reports == "look-up":
            world.simulator.set_faults(report_drop_rate=1)
        sent = await queue_one_of_each(world)
        lived = await world.live(world.process(ending_after(number)))
        assert await world.live(world.process())
        await assert_each_has_its_fate(world, sent)
        if lived:
            break


@pytest.mark.parametrize("first_end", ["after mark_prepared", "after POST /messages/v4/groups/{group}/send"])
async def test_whoever_mends_a_crash_may_crash_too(world: FaultyWorld, first_end: str) -> None:
    for number in itertools.count():
        await world.start_over()
        [message] = await world.queue(DELIVERED)
        assert not await world.live(world.process(ending_at(first_end)))
        lived = await world.live(world.process(ending_after(number)))
        assert await world.live(world.process())
        assert world.accepted()[message] == ["ATA"]
        assert (world.message(message))["status"] == "delivered"
        if lived:
            break

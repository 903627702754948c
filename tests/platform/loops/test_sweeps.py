"""A sweep: each row apart, a few at once, and an end."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.platform.loops.sweeps import Limits, Sweep
from tests.clock import NOON, SettableClock

LIMITS = Limits(at_once=4, patience=dt.timedelta(seconds=0.02), work_for=dt.timedelta(seconds=10))


class Queue:
    """What is due, taken in order, and what was done."""

    def __init__(self, due: Sequence[str], clock: SettableClock) -> None:
        self.due = list(due)
        self.clock = clock
        self.done: list[str] = []
        self.fifty_done = asyncio.Event()
        self.under_way = self.most_at_once = 0

    async def take(self, limit: int) -> list[str]:
        taken, self.due = self.due[:limit], self.due[limit:]
        return taken

    async def work(self, each: str) -> None:
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        try:
            await asyncio.sleep(0)
            match each:
                case "broken":
                    raise RuntimeError("no reading it")
                case "hanging":
                    await asyncio.sleep(3600)
                case "slow":
                    self.clock.advance(3)
            self.done.append(each)
            if len(self.done) == 50:
                self.fifty_done.set()
        finally:
            self.under_way -= 1


def _sweep(queue: Queue, limits: Limits = LIMITS) -> Sweep[str]:
    return Sweep("test", queue.take, queue.work, lambda each: {"name": each}, queue.clock, limits)


@given(st.lists(st.sampled_from(("sound", "broken", "hanging")), max_size=20))
async def test_one_that_fails_or_hangs_stops_none_of_the_others(due: list[str]) -> None:
    queue = Queue(due, SettableClock(NOON))
    assert await _sweep(queue).run() == len(due)
    assert queue.done == ["sound"] * due.count("sound")
    assert queue.most_at_once <= LIMITS.at_once
    assert (queue.due, queue.under_way) == ([], 0)


async def test_what_hangs_holds_up_no_more_than_its_own_place() -> None:
    queue = Queue(["hanging", *["sound"] * 50], SettableClock(NOON))
    patient = Limits(LIMITS.at_once, patience=dt.timedelta(hours=1), work_for=LIMITS.work_for)
    work = asyncio.create_task(_sweep(queue, patient).run())
    await queue.fifty_done.wait()
    assert (queue.under_way, work.done()) == (1, False)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work


async def test_after_its_time_the_rest_is_left() -> None:
    queue = Queue(["slow"] * 30, SettableClock(NOON))
    taken = await _sweep(queue).run()
    assert len(queue.due) == 30 - taken > 0
    assert queue.done == ["slow"] * taken


async def test_a_take_that_fails_lets_what_is_under_way_come_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = Queue(["hanging", "sound", "sound", "sound"], SettableClock(NOON))
    take = queue.take

    async def once(limit: int) -> list[str]:
        if not queue.due:
            raise ConnectionError("the database is away")
        return await take(limit)

    monkeypatch.setattr(queue, "take", once)
    with pytest.raises(ConnectionError):
        await _sweep(queue).run()
    assert (queue.done, queue.under_way) == (["sound"] * 3, 0)

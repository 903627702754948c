"""Several loops at once: each at its own pace, and none ends for another's trouble or its own."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.platform.loops.rounds import FIRST_PAUSE, LONGEST_PAUSE, Loop, Rounds, pause_after
from tests.clock import NOON, DrivenClock, SettableClock
from tests.platform.loops.driven import LeavingRounds

SECOND, MINUTE = dt.timedelta(seconds=1), dt.timedelta(minutes=1)


class Work:
    """A loop whose passes fail while `fails` says so. `passes`: when each began."""

    def __init__(self, clock: SettableClock, *fails: bool) -> None:
        self._clock = clock
        self._fails = list(fails)
        self.passes: list[dt.timedelta] = []

    async def __call__(self) -> None:
        self.passes.append(self._clock.now() - NOON)
        if self._fails and self._fails.pop(0):
            raise ConnectionError("the connection was dropped")


async def test_each_loop_goes_round_at_its_own_pace() -> None:
    clock = DrivenClock(sharers=2)
    quick, slow = Work(clock), Work(clock)
    loops = [Loop("quick", quick, 2 * SECOND, MINUTE), Loop("slow", slow, 20 * SECOND, MINUTE)]
    await LeavingRounds(loops, clock).hold(MINUTE)
    assert quick.passes == [number * 2 * SECOND for number in range(30)]
    assert slow.passes == [number * 20 * SECOND for number in range(3)]


@given(st.lists(st.booleans(), max_size=12))
async def test_a_loop_that_fails_goes_on_after_longer_pauses_and_stops_none_of_the_others(fails: list[bool]) -> None:
    clock = DrivenClock(sharers=2)
    shaky, sound = Work(clock, *fails), Work(clock)
    loops = [Loop("shaky", shaky, 2 * SECOND, MINUTE), Loop("sound", sound, 2 * SECOND, MINUTE)]
    await LeavingRounds(loops, clock).hold(4 * MINUTE)
    assert sound.passes == [number * 2 * SECOND for number in range(120)]
    at, failures, expected = dt.timedelta(0), 0, []
    for failed in [*fails, *[False] * 120]:
        expected.append(at)
        failures = failures + 1 if failed else 0
        at += min(SECOND * 2 ** (failures - 1), 10 * SECOND) if failed else 2 * SECOND
    assert shaky.passes == [moment for moment in expected if moment < 4 * MINUTE]


def test_a_pause_is_never_longer_than_the_longest() -> None:
    assert [pause_after(1), pause_after(2), pause_after(1_000_000)] == [FIRST_PAUSE, 2 * FIRST_PAUSE, LONGEST_PAUSE]


async def test_a_pass_that_hangs_is_ended_and_the_loop_goes_on() -> None:
    clock = SettableClock(NOON)
    passes = 0

    async def hanging_once() -> None:
        nonlocal passes
        passes += 1
        if passes == 1:
            await asyncio.Event().wait()

    await Rounds([Loop("hanging", hanging_once, 2 * SECOND, SECOND / 100)], clock).hold(5 * SECOND)
    assert passes == 3


@pytest.mark.parametrize(
    ("fails", "told"),
    [
        pytest.param([False], [0], id="at once"),
        pytest.param([True, True, False], [3], id="after two failures"),
        pytest.param([True] * 99, [], id="never"),
    ],
)
async def test_it_is_told_once_that_every_loop_has_ended_a_pass_well(fails: list[bool], told: list[int]) -> None:
    clock = DrivenClock(sharers=2)
    at: list[int] = []

    async def all_well() -> None:
        at.append(int((clock.now() - NOON).total_seconds()))

    loops = [Loop("one", Work(clock), 2 * SECOND, MINUTE), Loop("other", Work(clock, *fails), 2 * SECOND, MINUTE)]
    await LeavingRounds(loops, clock, all_well=all_well).hold(MINUTE)
    assert at == told


async def test_only_where_nothing_at_all_worked_it_says_so_when_its_time_is_over() -> None:
    clock = DrivenClock(sharers=2)
    loops = [Loop(name, Work(clock, *[True] * 99), 2 * SECOND, MINUTE) for name in ("one", "other")]
    with pytest.raises(ExceptionGroup) as raised:
        await LeavingRounds(loops, clock).hold(MINUTE)
    assert len(raised.value.exceptions) == 2
    assert clock.now() >= NOON + MINUTE

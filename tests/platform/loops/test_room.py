"""Who writes much beside others: it wants the database for its share of the time, and alone for all of it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.platform.loops.room import LONGEST_PAUSE_SECONDS, Room
from tests.clock import Pauses
from tests.platform.loops.test_coalescer import in_a_loop

ROWS = 5


def _pauses(took: Sequence[float], rows: int = ROWS) -> list[float]:
    """Before each of some batches, which take so long."""
    clock = Pauses()
    room = Room(clock)

    async def main() -> None:
        for seconds in took:
            await room.make()
            room.took(seconds, rows, written=rows)

    in_a_loop(main)
    return clock.slept


def test_who_is_alone_does_not_pause() -> None:
    assert _pauses([0.2, 0.2, 0.1, 0.1, 0.1]) == []


def test_batches_that_had_little_to_write_are_no_measure_for_the_others() -> None:
    clock = Pauses()
    room = Room(clock)
    for seconds, written in ((0.001, 0), (1, ROWS), (1, ROWS), (1.5, ROWS), (1.5, ROWS - 1)):
        in_a_loop(room.make)
        room.took(seconds, ROWS, written=written)
    in_a_loop(room.make)
    assert clock.slept == [0.5]


@given(st.floats(0.01, 0.2), st.lists(st.floats(1, 10), min_size=1, max_size=10))
def test_who_is_slowed_down_by_others_wants_the_database_for_as_much_of_the_time_as_it_would_alone(
    quick: float, slower: Sequence[float]
) -> None:
    took = [quick * times for times in slower]
    paused = _pauses([quick, *took, quick])
    assert sum(paused) == pytest.approx(sum(took) - quick * len(took), abs=1e-6)


@given(st.lists(st.floats(-10_000, 10_000), max_size=20))
def test_a_clock_that_is_set_anew_stops_nobody(took: Sequence[float]) -> None:
    assert all(0 < pause <= LONGEST_PAUSE_SECONDS for pause in _pauses(took))

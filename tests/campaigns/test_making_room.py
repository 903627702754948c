"""A bulk send beside others: it wants the database for its share of the time, and alone for all of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.campaigns import batches
from shared.campaigns.making_room import LONGEST_PAUSE_SECONDS, Room
from shared.campaigns.sending import send_bulk
from shared.customers.files.people import CustomerFile
from tests.campaigns.conftest import TENANT, Shop
from tests.clock import SettableClock
from tests.faults.boundaries import WatchedDatabase
from tests.platform.loops.test_coalescer import in_a_loop

BATCH = 5


class Pauses(SettableClock):
    """Remembers how long was slept."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await super().sleep(seconds)


def _pauses(took: Sequence[float], rows: int = BATCH) -> list[float]:
    """Before each of some batches, which take so long."""
    clock = Pauses()
    room = Room(clock)

    async def main() -> None:
        for seconds in took:
            await room.make()
            room.took(seconds, rows)

    in_a_loop(main)
    return clock.slept


def test_who_is_alone_does_not_pause() -> None:
    assert _pauses([0.2, 0.2, 0.1, 0.1, 0.1]) == []


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


async def test_a_send_pauses_between_two_batches_of_which_the_first_was_slow(
    shop: Shop, csv_file: Callable[..., CustomerFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "ROWS_A_BATCH", BATCH)
    clock, seconds = Pauses(), iter([0.1, 0.1, 0.4, 0.1])
    clock.moment = shop.clock.now()

    async def hook(boundary: str) -> None:
        if boundary == "before queue_alike":
            clock.advance(next(seconds))

    file = csv_file("id,phone,name,amount", *(f"c-{n},010-0000-{n:04d},사람,1" for n in range(4 * BATCH)))
    result = await send_bulk(
        WatchedDatabase(shop.api, hook), shop.publisher, clock, tenant=TENANT, template="receipt", customers=file
    )
    assert result.queued == 4 * BATCH
    assert clock.slept == pytest.approx([0.3])

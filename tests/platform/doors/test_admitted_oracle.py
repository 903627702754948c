"""How much a source may bring in an hour, against the rule in Python: the oracle of `decide_admitted`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from shared.platform.doors.counts_store import decide_admitted
from tests.clock import NOON
from tests.scratch import INSTANT, Row, Scratch, mostly, rows

HOUR = dt.timedelta(hours=1)
MOST = 10
DOORS, SOURCES = ("webhook", "another"), ("cafe/main", "shop/main")
THIS_HOUR = NOON.replace(minute=0, second=0, microsecond=0)

Key = tuple[str, str, dt.datetime]
counts = st.dictionaries(
    st.tuples(
        st.sampled_from(DOORS), st.sampled_from(SOURCES), mostly(THIS_HOUR, THIS_HOUR - HOUR, THIS_HOUR - 30 * HOUR)
    ),
    mostly(1, 9, 10, 11, 40),
    max_size=8,
)
moments = mostly(THIS_HOUR, THIS_HOUR + HOUR - INSTANT, THIS_HOUR + HOUR)


@given(counts, moments, st.integers(1, 25))
async def test_a_source_may_bring_so_much_in_each_hour_and_all_of_it_is_counted(
    scratch: Scratch, before: Mapping[Key, int], now: dt.datetime, number: int
) -> None:
    kept: list[Row] = [
        {"door": door, "source": source, "since": since, "number": count}
        for (door, source, since), count in before.items()
    ]
    hour = THIS_HOUR + HOUR if now >= THIS_HOUR + HOUR else THIS_HOUR
    ours = (DOORS[0], SOURCES[0], hour)
    had = before.get(ours, 0)
    async with scratch.holding(door_counts=kept) as connection:
        admitted, first = await decide_admitted(connection, DOORS[0], SOURCES[0], number, most=MOST, now=now)
        found = await rows(connection, "select * from door_counts")
    assert admitted == max(0, min(number, MOST - had))
    assert first == (had <= MOST < had + number)
    assert {(row["door"], row["source"], row["since"]): row["number"] for row in found} == {
        key: count for key, count in before.items() if key[2] >= hour
    } | {ours: had + number}

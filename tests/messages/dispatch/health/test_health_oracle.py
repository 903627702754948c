"""How calls are counted (`deciding_counts`), against the same in Python."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from shared.messages.dispatch.health.health_store import Tally, count, follow, read
from shared.messages.dispatch.health.rules import NO_CALLS, Health, tried
from tests.clock import NOON
from tests.scratch import Row, Scratch

MINUTE = dt.timedelta(minutes=1)
IDENTITY = "an account at a provider"


class Told(NamedTuple):
    """What an instance tells, so much later than the one before it, or earlier where its clock is behind."""

    later: dt.timedelta
    tenant: str
    calls: int
    failures: int
    in_a_row: int
    went_well: bool


told = st.builds(
    Told,
    st.sampled_from((dt.timedelta(0), MINUTE / 3, MINUTE, 2 * MINUTE, -MINUTE)),
    st.sampled_from(("cafe", "shop")),
    st.integers(1, 9),
    st.integers(0, 3),
    st.integers(0, 3),
    st.booleans(),
)


def latencies(at: int, calls: int) -> list[int]:
    return [calls if place == at % len(NO_CALLS) else 0 for place in range(len(NO_CALLS))]


def account(tenant: str) -> Row:
    named = {"tenant": tenant, "id": "main", "provider": "solapi", "sender": "02", "credentials": ""}
    return {**named, "identity": IDENTITY, "created_at": NOON}


def add(some: Sequence[int], others: Sequence[int]) -> list[int]:
    return [one + other for one, other in zip(some, others or NO_CALLS, strict=True)]


@given(st.lists(told, min_size=1, max_size=8))
async def test_calls_of_all_tenants_and_instances_are_counted_by_the_minute(
    scratch: Scratch, tellings: Sequence[Told]
) -> None:
    now, minute, health = NOON, NOON - 10 * MINUTE, Health()
    async with scratch.holding(provider_accounts=[account("cafe"), account("shop")]) as connection:
        for at, each in enumerate(tellings):
            now += each.later
            new, this = latencies(at, each.calls), now.replace(second=0, microsecond=0)
            if this > minute:
                old = (health.latencies, health.failures) if this == minute + MINUTE else (NO_CALLS, 0)
                health, minute = Health(NO_CALLS, 0, *old, in_a_row=health.in_a_row), this
            health = Health(
                add(health.latencies, new),
                health.failures + each.failures,
                health.latencies_before,
                health.failures_before,
                each.in_a_row + (0 if each.went_well else health.in_a_row),
            )
            tally = Tally(each.tenant, "main", new, each.failures, each.in_a_row, each.went_well, None)
            known = await count(connection, tally, now)
            assert known is not None
            found = known.health
            assert (found.failures, found.failures_before, found.in_a_row) == (
                health.failures,
                health.failures_before,
                health.in_a_row,
            )
            assert add(NO_CALLS, found.latencies) == add(NO_CALLS, health.latencies)
            assert add(NO_CALLS, found.latencies_before) == add(NO_CALLS, health.latencies_before)


async def test_what_follows_is_written_once_and_whoever_was_slower_looks_again(scratch: Scratch) -> None:
    tally = Tally("cafe", "main", latencies(1, 1), 1, 1, False, "away")
    async with scratch.holding(provider_accounts=[account("cafe")]) as connection:
        known = await count(connection, tally, NOON)
        assert known is not None
        opened = tried(Health(opened_at=NOON, open_until=NOON), NOON, well=False)
        assert await follow(connection, known, opened)
        assert not await follow(connection, known, Health())
        again = await read(connection, IDENTITY)
        assert again is not None
        assert (again.version, again.health.opened_at, again.health.open_until) == (1, NOON, opened.open_until)


async def test_of_an_account_that_is_gone_nothing_is_counted(scratch: Scratch) -> None:
    async with scratch.holding() as connection:
        assert await count(connection, Tally("cafe", "main", NO_CALLS, 0, 0, True, None), NOON) is None

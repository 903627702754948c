"""Weights and circuit breakers: what an account's calls come to, whatever they are and in whatever order they end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.messages.dispatch.health.rules import (
    BAD_MINUTE,
    BOUNDS_MS,
    ENOUGH_CALLS,
    FULL,
    LEAST,
    NO_CALLS,
    OPEN_AT_MOST,
    OPEN_FOR,
    OPENING_IN_A_ROW,
    RISE,
    STEP,
    Breaker,
    Health,
    breaker,
    judged,
    latency_bucket,
    percentile_ms,
    risen,
    tried,
)
from tests.clock import NOON

SECOND = dt.timedelta(seconds=1)
LONG = dt.timedelta(days=1)


@dataclass(frozen=True)
class Call:
    """A call that ends so much later than the one before it."""

    later: dt.timedelta
    well: bool
    took_ms: int = 200


calls = st.lists(
    st.builds(
        Call,
        later=st.sampled_from((SECOND / 10, SECOND, 10 * SECOND, 61 * SECOND, 10 * RISE)),
        well=st.booleans(),
        took_ms=st.sampled_from((200, 200, 9_000)),
    ),
    max_size=60,
)


def counted(health: Health, was: dt.datetime, now: dt.datetime, call: Call) -> Health:
    """With one call more, as the store counts them."""
    minutes = (now.replace(second=0) - was.replace(second=0)) // BAD_MINUTE
    one = [0] * len(NO_CALLS)
    one[latency_bucket(dt.timedelta(milliseconds=call.took_ms))] = 1
    if minutes:
        old = (health.latencies, health.failures) if minutes == 1 else (NO_CALLS, 0)
        health = replace(health, latencies=NO_CALLS, failures=0, latencies_before=old[0], failures_before=old[1])
    return replace(
        health,
        latencies=tuple(map(sum, zip(health.latencies, one, strict=True))),
        failures=health.failures + (not call.well),
        in_a_row=0 if call.well else health.in_a_row + 1,
    )


def lived(calls: Sequence[Call]) -> list[tuple[dt.datetime, Health]]:
    """An account after each of its calls; one that is open is called on trial alone."""
    now, health = NOON, Health()
    story = [(now, health)]
    for call in calls:
        was, now = now, now + call.later
        state = breaker(health, now)
        if state is not Breaker.OPEN:
            health = counted(health, was, now, call)
            health = tried(health, now, well=call.well) if state is Breaker.HALF_OPEN else judged(health, now)
        story.append((now, health))
    return story


@given(calls)
def test_a_weight_stays_within_its_bounds_and_falls_a_step_a_minute_at_most(calls: Sequence[Call]) -> None:
    story = lived(calls)
    assert all(LEAST <= health.weight <= FULL and health.weight <= risen(health, now) for now, health in story)
    moves = [
        (health.moved_at - was.moved_at, risen(was, now) - health.weight)
        for (_, was), (now, health) in pairwise(story)
        if was.moved_at and health.moved_at and was.moved_at != health.moved_at and was.opened_at is None
    ]
    assert all(apart >= BAD_MINUTE and 0 <= fell <= STEP for apart, fell in moves)


@given(calls)
def test_whoever_is_left_alone_rises_to_its_full_weight_and_never_falls_by_itself(calls: Sequence[Call]) -> None:
    now, health = lived(calls)[-1]
    closed = health if health.opened_at is None else tried(health, now, well=True)
    weights = [risen(closed, now + minutes * BAD_MINUTE) for minutes in range(30)]
    assert weights == sorted(weights)
    assert risen(closed, now + FULL // STEP * RISE) == FULL


@given(calls)
def test_a_breaker_opens_for_failures_alone_and_never_for_one(calls: Sequence[Call]) -> None:
    if all(call.well for call in calls):
        assert all(health.opened_at is None for _, health in lived(calls))
    for (_, was), (_, health), call in zip(lived(calls), lived(calls)[1:], calls, strict=False):
        if was.opened_at is None and health.opened_at is not None:
            assert not call.well
            assert health.in_a_row >= OPENING_IN_A_ROW or health.failures + health.failures_before > 1


@given(calls)
def test_an_open_breaker_is_half_open_in_time_and_a_good_trial_closes_it(calls: Sequence[Call]) -> None:
    now, health = lived(calls)[-1]
    if health.opened_at is not None:
        assert breaker(health, now + OPEN_AT_MOST) is Breaker.HALF_OPEN
        closed = tried(health, now, well=True)
        assert (breaker(closed, now), risen(closed, now), closed.calls) == (Breaker.CLOSED, LEAST, 0)


def test_each_failed_trial_makes_it_wait_twice_as_long_up_to_a_limit() -> None:
    now, health = NOON, replace(Health(), in_a_row=OPENING_IN_A_ROW)
    health, waits = judged(health, now), []
    for _ in range(8):
        assert health.open_until is not None
        waits.append(health.open_until - now)
        now = health.open_until
        health = tried(health, now, well=False)
    assert waits[:5] == [OPEN_FOR, 2 * OPEN_FOR, 4 * OPEN_FOR, 8 * OPEN_FOR, 16 * OPEN_FOR]
    assert waits[5:] == [OPEN_AT_MOST] * 3
    assert health.opened_at == NOON


def test_who_fails_again_before_it_is_well_waits_longer_and_who_was_well_begins_anew() -> None:
    opened = judged(replace(Health(), in_a_row=OPENING_IN_A_ROW), NOON)
    closed = replace(tried(opened, NOON + OPEN_FOR, well=True), in_a_row=OPENING_IN_A_ROW)
    soon, later = NOON + 2 * OPEN_FOR, NOON + LONG
    assert judged(closed, soon).open_until == soon + 2 * OPEN_FOR
    assert judged(closed, later).open_until == later + OPEN_FOR


@pytest.mark.parametrize(
    ("failures", "slow", "weight"),
    [
        pytest.param(0, 0, FULL, id="all well"),
        pytest.param(1, 0, FULL, id="one error says nothing"),
        pytest.param(2, 0, FULL - STEP, id="a fifth failed"),
        pytest.param(0, 2, FULL - STEP, id="a fifth was slow"),
    ],
)
def test_a_fifth_of_the_calls_moves_a_weight(failures: int, slow: int, weight: int) -> None:
    latencies = [0] * len(NO_CALLS)
    latencies[3], latencies[-1] = ENOUGH_CALLS - slow, slow
    assert judged(Health(latencies=latencies, failures=failures), NOON).weight == weight


def test_few_calls_move_nothing() -> None:
    latencies = [0] * len(NO_CALLS)
    latencies[-1] = ENOUGH_CALLS - 1
    health = Health(latencies=latencies, failures=OPENING_IN_A_ROW - 1, in_a_row=OPENING_IN_A_ROW - 1)
    assert judged(health, NOON) is health


@given(st.lists(st.integers(0, 90_000), min_size=1, max_size=50), st.sampled_from((0.5, 0.95, 1.0)))
def test_a_percentile_lies_within_the_bounds_of_the_call_that_it_is_of(took: Sequence[int], share: float) -> None:
    counts = [0] * len(NO_CALLS)
    for each in took:
        counts[latency_bucket(dt.timedelta(milliseconds=each))] += 1
    found = percentile_ms(counts, share)
    true = sorted(took)[max(0, -(-int(share * 100) * len(took) // 100) - 1)]
    at = latency_bucket(dt.timedelta(milliseconds=true))
    below, above = BOUNDS_MS[at - 1] if at else 0, BOUNDS_MS[min(at, len(BOUNDS_MS) - 1)]
    assert found is not None
    assert below <= found <= above


def test_of_no_calls_there_is_no_percentile() -> None:
    assert percentile_ms(NO_CALLS, 0.95) is None

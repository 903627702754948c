"""The same events make the same end in whatever order they come: of one moment kinds decide, then who tells."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.workflows.planning import Plan, Timer, WorkflowVersion, react
from shared.workflows.runs import Happening, Run
from tests.clock import NOON
from tests.workflows.test_runs_law import REMINDERS, happening, stories
from tests.workflows.timeline import FIVE, MINUTE, Timeline

BEFORE_ALL = NOON - dt.timedelta(days=1)


def _end(batches: Sequence[Sequence[Happening]]) -> tuple[list[Run], set[Timer]]:
    """The runs and the steps that wait when events came in these batches, before any step was due."""
    stored: dict[tuple[str, str, str], Run] = {}
    timers: dict[tuple[tuple[str, str, str], int], Timer] = {}
    for batch in batches:
        plan = Plan()
        for each in batch:
            react(plan, each, [WorkflowVersion(1, REMINDERS)], {}, stored, {}, BEFORE_ALL)
        stored |= plan.runs
        timers = {key: timer for key, timer in timers.items() if key[0] not in plan.retimed} | plan.timers
    return [run._replace(revision=0) for _, run in sorted(stored.items())], set(timers.values())


@given(stories(), st.data())
def test_events_in_any_order_and_company_let_the_same_steps_wait(story: list[Happening], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations([*story, *data.draw(st.lists(st.sampled_from(story), max_size=3))]))
    cut = data.draw(st.integers(0, len(shuffled)))
    in_time = sorted(story, key=lambda each: each.time)
    assert _end([shuffled[:cut], shuffled[cut:]]) == _end([[each] for each in in_time])


@given(st.data())
def test_events_of_one_moment_come_to_one_end_in_every_order(data: st.DataObject) -> None:
    kinds = ["appointment.scheduled", "appointment.scheduled", "appointment.rescheduled", "appointment.cancelled"]
    story = [
        happening(kind, 0, id_=f"e-{number}", starts_at=(NOON + number * dt.timedelta(hours=1)).isoformat())
        for number, kind in enumerate(data.draw(st.lists(st.sampled_from(kinds), min_size=2, max_size=4)))
    ]
    ends = [_end([[each] for each in order]) for order in permutations(story)]
    assert all(end == ends[0] for end in ends)


MOVED, STOPPED, CONFIRMED = "appointment.rescheduled", "appointment.cancelled", "pickup.confirmed"


@pytest.mark.parametrize(
    ("kinds", "waiting"),
    [
        pytest.param((MOVED,), [30, 50, 65], id="a move beats its start"),
        pytest.param((STOPPED,), [], id="a stop beats its start"),
        pytest.param((MOVED, STOPPED), [], id="a stop beats a move"),
        pytest.param((MOVED, CONFIRMED), [30, 50, 65], id="a confirmation silences and moves nothing"),
    ],
)
async def test_what_comes_at_one_moment_is_told_apart_by_its_kind_in_the_database_too(
    timeline: Timeline, kinds: tuple[str, ...], waiting: list[int]
) -> None:
    every = ("appointment.scheduled", *kinds)
    for number, order in enumerate(permutations(every)):
        for kind in order:
            more: dict[str, Any] = {"starts_at": FIVE + 60 * MINUTE} if kind == MOVED else {}
            more = {"starts_at": FIVE} if kind == "appointment.scheduled" else more
            await timeline.tell(kind, time=NOON, appointment_id=f"a-{number}", **more)
        rows = timeline.world.rows(
            "select due_at from timers where tenant = %s and key = %s order by due_at", timeline.tenant, f"a-{number}"
        )
        assert [row["due_at"] for row in rows] == [FIVE + minutes * MINUTE for minutes in waiting], order

"""A run is kept as it is, whether it is new or has changed."""

from __future__ import annotations

import datetime as dt

from shared.workflows.events.store import save_runs
from shared.workflows.planning import Plan
from shared.workflows.runs import Run
from shared.workflows.store import read_runs
from tests.clock import NOON
from tests.scratch import Scratch

KEY = ("cafe", "pickup", "a-1")
FIRST = Run(
    *KEY,
    version=1,
    customer="c-1",
    anchor_at=NOON,
    anchored_as_of=NOON,
    anchored_by="0 urn:app e-1",
    started_as_of=NOON,
    stopped_as_of=NOON,
    facts={"pickup.confirmed": NOON.isoformat()},
    data={"place": [NOON.isoformat(), "정문", "0 urn:app e-1"]},
    event_source="urn:app",
    event_id="e-1",
    revision=1,
)
LATER = NOON + dt.timedelta(hours=1)
SECOND = Run(
    *KEY,
    version=2,
    customer="c-2",
    anchor_at=LATER,
    anchored_as_of=LATER,
    anchored_by="1 urn:other e-2",
    started_as_of=LATER,
    stopped_as_of=None,
    facts={"pickup.confirmed": LATER.isoformat()},
    data={"place": [LATER.isoformat(), "후문", "1 urn:other e-2"]},
    event_source="urn:other",
    event_id="e-2",
    revision=2,
)


def test_the_two_runs_have_nothing_in_common_but_their_key() -> None:
    same = [name for name in Run._fields if getattr(FIRST, name) == getattr(SECOND, name)]
    assert same == ["tenant", "workflow", "key"]


async def test_each_field_of_a_run_is_kept_and_kept_anew(scratch: Scratch) -> None:
    async with scratch.holding() as connection:
        for run in (FIRST, SECOND, SECOND._replace(stopped_as_of=LATER), FIRST):
            await save_runs(connection, Plan(runs={KEY: run}), NOON)
            assert await read_runs(connection, [KEY]) == {KEY: run}

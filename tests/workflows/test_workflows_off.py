"""A workflow that is off says nothing, and what waits of it ends; on again, it says what is still ahead."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest

from shared.workflows.definition import WorkflowDefinition
from shared.workflows.store import save_workflows, switch_workflow, withdraw_workflows
from tests.workflows.timeline import FIVE, MINUTE, REMINDERS, Timeline

OFF = ("cancelled", "workflow_off")
SENDING = ("sending", None)


async def _switch(timeline: Timeline, *, on: bool, name: str = "pickup") -> bool:
    async with timeline.world.owner.transaction() as connection:
        return await switch_workflow(connection, timeline.tenant, name, on=on)


async def _load(timeline: Timeline, *names: str) -> None:
    """The business's folder is loaded, which holds just these workflows."""
    async with timeline.world.owner.transaction() as connection:
        definitions = [WorkflowDefinition.model_validate({**REMINDERS, "name": name}) for name in names]
        await save_workflows(connection, timeline.tenant, definitions, now=timeline.world.clock.now())
        await withdraw_workflows(connection, timeline.tenant, but=names)


async def _sent_at(timeline: Timeline, moment: dt.datetime) -> None:
    """The time comes, what is due speaks, and what has spoken is claimed."""
    await timeline.at(moment)
    await timeline.world.claim_waiting(timeline.tenant)


async def test_what_is_due_while_it_is_off_ends_and_what_is_ahead_when_it_is_on_speaks(
    timeline: Timeline,
) -> None:
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    assert await _switch(timeline, on=False)
    assert not await _switch(timeline, on=False)
    await _sent_at(timeline, FIVE - 30 * MINUTE)
    assert await _switch(timeline, on=True)
    await _sent_at(timeline, FIVE - 10 * MINUTE)
    assert timeline.world.statuses(timeline.tenant) == [OFF, SENDING]
    [ended, _] = timeline.world.messages(timeline.tenant)
    assert "꺼진" in ended["detail"]


async def test_what_was_queued_when_it_was_switched_off_does_not_leave(timeline: Timeline) -> None:
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    await timeline.at(FIVE - 30 * MINUTE)
    await _switch(timeline, on=False)
    assert await timeline.world.claim_waiting(timeline.tenant) == []
    assert timeline.world.statuses(timeline.tenant) == [OFF]
    assert timeline.world.rows("select 1 from outbox where tenant = %s", timeline.tenant) == []


async def test_what_is_past_its_moment_when_it_is_on_again_does_not_leave_late(timeline: Timeline) -> None:
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    await _switch(timeline, on=False)
    timeline.world.clock.moment = FIVE + 180 * MINUTE  # no tick and no claim came meanwhile
    await _switch(timeline, on=True)
    await _sent_at(timeline, FIVE + 180 * MINUTE)
    assert timeline.world.statuses(timeline.tenant) == [("expired", "too_late")] * 3


async def test_a_run_hears_while_its_workflow_is_off_so_that_nothing_stale_is_said_later(timeline: Timeline) -> None:
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    await timeline.tell("appointment.scheduled", starts_at=FIVE, appointment_id="a-2", time=timeline.world.clock.now())
    await _switch(timeline, on=False)
    await timeline.tell("appointment.rescheduled", starts_at=FIVE + 60 * MINUTE, time=timeline.world.clock.now())
    await timeline.tell("appointment.cancelled", appointment_id="a-2")
    await _switch(timeline, on=True)
    assert timeline.waiting() == [FIVE + 30 * MINUTE, FIVE + 50 * MINUTE, FIVE + 65 * MINUTE]


async def test_nothing_begins_while_it_is_off(timeline: Timeline) -> None:
    await _switch(timeline, on=False)
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    assert timeline.waiting() == []
    assert timeline.world.rows("select 1 from runs where tenant = %s", timeline.tenant) == []
    assert timeline.world.outcomes(timeline.tenant) == {"e-1": []}


async def test_a_workflow_that_its_folder_holds_no_more_is_off_until_it_holds_it_again(timeline: Timeline) -> None:
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    await _load(timeline, "another")
    await _sent_at(timeline, FIVE - 30 * MINUTE)
    await _load(timeline, "another", "pickup")
    await _sent_at(timeline, FIVE - 10 * MINUTE)
    assert timeline.world.statuses(timeline.tenant) == [OFF, SENDING]


async def test_who_was_switched_off_by_a_person_stays_so_whatever_the_folder_holds(timeline: Timeline) -> None:
    await _switch(timeline, on=False)
    await _load(timeline, "another")
    await _load(timeline, "another", "pickup")
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    waiting = timeline.world.rows("select distinct workflow from timers where tenant = %s", timeline.tenant)
    assert waiting == [{"workflow": "another"}]


@pytest.mark.parametrize("first", ["off", "claim"])
async def test_a_claim_and_a_switch_that_come_together_end_one_way_or_the_other(timeline: Timeline, first: str) -> None:
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    await timeline.at(FIVE - 30 * MINUTE)
    both = [_switch(timeline, on=False), timeline.world.claim_waiting(timeline.tenant)]
    await asyncio.gather(*(both if first == "off" else both[::-1]))
    assert timeline.world.statuses(timeline.tenant) in ([OFF], [SENDING])

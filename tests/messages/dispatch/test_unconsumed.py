"""Where no ticket ever arrives, a message ends when its moment is over, and its ticket with it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pytest

from shared.contracts import SendTicket
from shared.messages.dispatch import unconsumed
from shared.messages.dispatch.reissuing import reissue
from shared.messages.dispatch.unconsumed import Unconsumed
from shared.workflows.events.intake import EventIntake
from tests.world import World, event

LATER: Mapping[str, Any] = {
    "name": "later",
    "on": "subscription.signup",
    "valid_for": "3h",
    "steps": [{"send": "welcome"}],
}
SOON: Mapping[str, Any] = {
    "name": "soon",
    "on": "subscription.signup",
    "valid_for": "1h",
    "steps": [{"send": "welcome"}],
}


async def _publish_in_vain(world: World, hours: float) -> None:
    """The tick publishes for so long, and nobody consumes; the sweeps look at it each time."""
    sweep = Unconsumed(world.as_role("allim_sweeper"), world.clock)
    for _ in range(int(hours * 12)):
        world.clock.moment += dt.timedelta(minutes=5)
        await reissue(world.as_role("allim_ticker"), world.publisher, world.clock)
        await sweep.end_some()


async def _queued(world: World, *workflows: Mapping[str, Any]) -> str:
    tenant = await world.tenant(*workflows)
    intake = EventIntake(world.as_role("allim_events"), world.publisher, world.clock)
    await intake.receive(event(tenant, time=world.clock.now()))
    return tenant


async def test_a_message_whose_ticket_is_lost_for_ever_ends_when_its_moment_is_over(world: World) -> None:
    tenant = await _queued(world, SOON)
    await _publish_in_vain(world, 0.9)
    assert world.statuses(tenant) == [("queued", None)]
    await _publish_in_vain(world, 0.5)
    assert world.statuses(tenant) == [("expired", "too_late")]
    assert world.rows("select 1 from outbox where tenant = %s", tenant) == []


async def test_what_is_still_in_time_keeps_its_ticket_and_is_sent_when_that_arrives(world: World) -> None:
    tenant = await _queued(world, SOON, LATER)
    await _publish_in_vain(world, 1.5)
    assert sorted(world.statuses(tenant)) == [("expired", "too_late"), ("queued", None)]
    [row] = world.rows("select body from outbox where tenant = %s", tenant)
    assert len(SendTicket.model_validate(row["body"]).messages) == 2
    assert len(await world.claim_waiting(tenant)) == 1
    assert world.rows("select 1 from outbox where tenant = %s", tenant) == []


async def test_a_ticket_that_names_nothing_which_waits_is_taken_away(world: World) -> None:
    tenant = await _queued(world, LATER)
    world.rows("update messages set status = 'cancelled', reason = 'run_changed' where tenant = %s", tenant)
    await _publish_in_vain(world, 1)
    assert world.rows("select 1 from outbox where tenant = %s", tenant) == []


async def test_those_behind_the_first_ones_have_their_turn_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unconsumed, "TICKETS_AT_A_TIME", 1)
    kept, over = await _queued(world, LATER), await _queued(world, SOON)
    await _publish_in_vain(world, 1.5)
    assert world.statuses(kept) == [("queued", None)]
    assert world.statuses(over) == [("expired", "too_late")]

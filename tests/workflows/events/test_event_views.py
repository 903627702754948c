"""What came in, as people see it."""

import datetime as dt

import pytest

from shared.workflows.events.intake import EventIntake
from shared.workflows.events.views import EventView, list_events
from tests.clock import NOON
from tests.world import World, event


@pytest.fixture
def world(own_world: World) -> World:
    return own_world


@pytest.fixture
async def tenant(world: World) -> str:
    return await world.tenant()


async def _sign_up(world: World, tenant: str, id_: str) -> None:
    world.clock.advance(1)
    intake = EventIntake(world.as_role("allim_events"), world.publisher, world.clock)
    await intake.receive(event(tenant, id_, time=world.clock.now()))


async def _events(world: World, **options: str) -> list[EventView]:
    async with world.as_role("allim_operator").connection() as connection:
        return await list_events(connection, since=NOON - dt.timedelta(hours=1), limit=10, **options)


async def test_events_are_listed_newest_first_with_who_heard_them(world: World, tenant: str) -> None:
    await _sign_up(world, tenant, "e-1")
    await _sign_up(world, tenant, "e-2")
    assert [(event.id, event.heard_by, event.note) for event in await _events(world)] == [
        ("e-2", ["welcome"], None),
        ("e-1", ["welcome"], None),
    ]


async def test_events_are_narrowed_by_tenant_and_type(world: World, tenant: str) -> None:
    other = await world.tenant()
    await _sign_up(world, tenant, "e-1")
    await _sign_up(world, other, "e-2")
    assert [event.id for event in await _events(world, tenant=other)] == ["e-2"]
    assert [event.id for event in await _events(world, type_="subscription.signup")] == ["e-2", "e-1"]
    assert await _events(world, type_="cancel") == []


async def test_an_event_that_nobody_listens_to_says_so(world: World, tenant: str) -> None:
    await _sign_up(world, tenant, "e-1")
    world.rows("update workflows set active = false")
    [told] = await _events(world)
    assert told.heard_by == []

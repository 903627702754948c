"""A publisher that may speak for one tenant is heard for that one, whatever its events say."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.operations.dead_letters.letters import topic_of
from tests.clock import NOON
from tests.endpoints import Endpoint, push_of, running
from tests.world import World, event_fields


@pytest.fixture(scope="module")
async def function(shared_world: World) -> AsyncIterator[Endpoint]:
    async with running("on_subscription_event", shared_world) as endpoint:
        yield endpoint


@pytest.fixture
def world(shared_world: World) -> World:
    shared_world.clock.moment = NOON
    return shared_world


async def _push_as(function: Endpoint, publishers_tenant: str, data: bytes, **attributes: str) -> int:
    body = push_of(data, **attributes)
    return (await function.post(body, f"/tenants/{publishers_tenant}", content_type="application/json")).status_code


def _event(tenant: str, **change: Any) -> bytes:
    return json.dumps({**event_fields(tenant), **change}).encode()


async def test_its_own_tenants_event_is_taken(function: Endpoint, world: World) -> None:
    tenant = await world.tenant()
    assert await _push_as(function, tenant, _event(tenant)) == 204
    assert world.statuses(tenant) == [("queued", None)]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({}, id="a valid event"),
        pytest.param({"time": "yesterday"}, id="an invalid event, which a later release may take"),
    ],
)
async def test_another_tenants_event_is_a_dead_letter_that_no_replay_lets_through(
    function: Endpoint, world: World, change: dict[str, Any]
) -> None:
    publisher, victim = await world.tenant(), await world.tenant()
    assert await _push_as(function, publisher, _event(victim, **change)) == 204
    assert [reason for reason, _ in world.dead_letters(publisher)] == ["foreign_tenant"]
    assert world.statuses(victim) == []
    assert topic_of("on_subscription_event", "foreign_tenant", {}) is None


async def test_attributes_of_the_message_do_not_change_whose_it_is(function: Endpoint, world: World) -> None:
    publisher, victim = await world.tenant(), await world.tenant()
    event = event_fields(victim)
    data = json.dumps(event.pop("data")).encode()
    attributes = {f"ce-{name}": value for name, value in event.items()}
    assert await _push_as(function, publisher, data, **attributes) == 204
    assert [reason for reason, _ in world.dead_letters(publisher)] == ["foreign_tenant"]
    assert world.statuses(victim) == []


async def test_the_topic_of_all_is_open_to_every_tenant(function: Endpoint, world: World) -> None:
    tenants = [await world.tenant(), await world.tenant()]
    for tenant in tenants:
        assert await function.push(_event(tenant)) == 204
        assert world.statuses(tenant) == [("queued", None)]

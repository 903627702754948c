"""By what an event lets a customer be reached: devices are told with it, and an address may do without a phone."""

from __future__ import annotations

from typing import Any

import pytest

from shared.workflows.events.intake import EventIntake
from tests.clock import NOON
from tests.scratch import INSTANT
from tests.world import World, event

ROUTE = ["push", "email", "sms"]
NEWS = {"name": "news", "on": "news.came", "route": ROUTE, "steps": [{"send": "news"}]}
WORDS = {
    "news": {
        "push": {"title": "안내", "text": "#{이름}"},
        "email": {"subject": "안내", "text": "#{이름}"},
        "sms": {"text": "#{이름}"},
        "variables": {"이름": "customer.name"},
    }
}


def an_intake(world: World) -> EventIntake:
    return EventIntake(world.as_role("allim_events"), world.publisher, world.clock)


def devices(world: World, tenant: str) -> dict[str, str]:
    found = world.rows("select token, customer from customer_devices where tenant = %s", tenant)
    return {row["token"]: row["customer"] for row in found}


async def test_an_event_tells_all_the_devices_and_an_older_one_nothing_more(world: World) -> None:
    tenant = await world.tenant(NEWS, templates=WORDS)
    intake = an_intake(world)
    later, earlier = NOON, NOON - 5 * INSTANT
    await intake.receive(event(tenant, "e-1", "other", time=later, customer={"devices": ["a", " b "]}))
    assert devices(world, tenant) == {"a": "c-1", "b": "c-1"}
    await intake.receive(event(tenant, "e-2", "other", time=earlier, customer={"devices": ["z"]}))
    await intake.receive(event(tenant, "e-3", "other", time=later, customer={}))
    assert devices(world, tenant) == {"a": "c-1", "b": "c-1"}
    await intake.receive(event(tenant, "e-4", "other", time=later, customer={"id": "c-2", "devices": ["b"]}))
    assert devices(world, tenant) == {"a": "c-1", "b": "c-2"}
    await intake.receive(event(tenant, "e-5", "other", time=later, customer={"devices": None}))
    assert devices(world, tenant) == {"b": "c-2"}


async def test_events_about_one_customer_in_one_batch_tell_their_devices_in_the_order_of_their_times(
    world: World,
) -> None:
    tenant = await world.tenant(NEWS, templates=WORDS)
    batch = [
        event(tenant, f"e-{at}", "other", time=NOON - at * INSTANT, customer={"devices": [f"token-{at}"]})
        for at in range(3)
    ]
    assert await an_intake(world).take(batch) == [None] * 3
    assert devices(world, tenant) == {"token-0": "c-1"}


@pytest.mark.parametrize(
    ("customer", "route", "recipient"),
    [
        pytest.param({"email": "a@example.com"}, ROUTE, "01090004000", id="all of it"),
        pytest.param({"email": "a@example.com", "phone": None}, ["push", "email"], None, id="no phone"),
        pytest.param({"email": "nobody", "phone": "12"}, ["push"], None, id="an address and a phone that are none"),
        pytest.param({"email": None}, ["push", "sms"], "01090004000", id="no address"),
    ],
)
async def test_what_can_not_reach_the_customer_is_left_out_of_the_route(
    world: World, customer: dict[str, Any], route: list[str], recipient: str | None
) -> None:
    tenant = await world.tenant(NEWS, templates=WORDS)
    await an_intake(world).receive(event(tenant, "e-1", "news.came", customer=customer))
    [message] = world.messages(tenant)
    assert (message["status"], message["route"], message["recipient"]) == ("queued", route, recipient)


@pytest.mark.parametrize(
    ("route", "customer", "reason"),
    [
        (["email"], {"email": None}, "missing_email"),
        (["email"], {"email": "x"}, "bad_email"),
        (["email", "sms"], {"email": "x", "phone": None}, "bad_email"),
        (["inapp"], {}, "no_words"),
        (["mms", "brand"], {}, "no_words"),
    ],
)
async def test_where_nothing_of_the_route_is_left_the_message_says_why(
    world: World, route: list[str], customer: dict[str, Any], reason: str
) -> None:
    tenant = await world.tenant({**NEWS, "route": route}, templates=WORDS)
    await an_intake(world).receive(event(tenant, "e-1", "news.came", customer=customer))
    assert world.statuses(tenant) == [("failed", reason)]


@pytest.mark.parametrize(
    "devices",
    [
        pytest.param([""], id="an empty one"),
        pytest.param(["x" * 4_097], id="one too long"),
        pytest.param([str(at) for at in range(51)], id="too many"),
        pytest.param([1], id="a number"),
        pytest.param({"a": 1}, id="no list"),
    ],
)
def test_devices_that_are_none_are_refused_with_the_event(devices: Any) -> None:
    with pytest.raises(ValueError, match="devices"):
        event("cafe", customer={"devices": devices})

"""The other Pub/Sub functions: tickets, ticks, and what Pub/Sub gave up on."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.clock import NOON
from tests.endpoints import push_of, running
from tests.world import World

TICKET = {"id": str(UUID(int=1)), "messages": [str(UUID(int=2))]}


@pytest.mark.parametrize(
    "change",
    [
        {"id": "1"},
        {"tenant": ""},
        {"messages": []},
        {"messages": ["x"]},
        {"messages": [str(UUID(int=number)) for number in range(501)]},
        {"messages": None},
        {"more": 1},
    ],
)
async def test_a_malformed_ticket_is_a_dead_letter(world: World, change: dict[str, Any]) -> None:
    tenant = await world.tenant()
    async with running("on_send_request", world) as function:
        assert await function.push({"tenant": tenant} | TICKET | change) == 204
    reasons = world.dead_letters(tenant if "tenant" not in change else "")
    assert [reason for reason, _ in reasons] == ["schema_violation"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "name",
    [
        "on_subscription_event",
        "on_send_request",
        "on_delivery_callback",
        "on_reminder_tick",
        "on_dead_letter",
        "provider_webhook",
        "reconcile",
        "retention",
    ],
)
async def test_what_is_no_post_is_refused_and_nothing_is_kept(world: World, name: str, method: str) -> None:
    before = len(world.rows("select 1 from dead_letters"))
    async with running(name, world) as function:
        answer = await function.client.request(method, "/")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json()["error"]["code"] == "method_not_allowed"
    assert len(world.rows("select 1 from dead_letters")) == before


async def test_a_ticket_of_nothing_is_acknowledged_and_does_nothing(world: World) -> None:
    tenant = await world.tenant()
    async with running("on_send_request", world) as function:
        for stranger in (tenant, "nobody"):
            assert await function.push({"tenant": stranger} | TICKET) == 204
    assert world.rows("select 1 from dispatches where tenant in (%s, 'nobody')", tenant) == []
    assert world.dead_letters(tenant) == world.dead_letters("nobody") == []


async def test_a_ticket_is_no_way_to_another_tenants_messages(world: World) -> None:
    victim, thief = await world.tenant(), await world.tenant()
    message = uuid4()
    world.rows(
        "insert into messages (tenant, id, customer, template, template_version, route, deadlines, channel, status,"
        " due_at, expires_at, created_at, updated_at) select %s, %s, 'c', 't', 1, '{sms}', '{60}', 'sms', 'queued',"
        " m, m + interval '1 hour', m, m from (select %s::timestamptz as m) as moments returning id",
        victim,
        message,
        NOON,
    )
    async with running("on_send_request", world) as function:
        assert await function.push({"id": str(uuid4()), "tenant": thief, "messages": [str(message)]}) == 204
    assert world.statuses(victim) == [("queued", None)]


async def test_what_pubsub_gave_up_on_is_kept_as_it_came(world: World) -> None:
    given_up = {
        "CloudPubSubDeadLetterSourceSubscription": "on-send-request",
        "CloudPubSubDeadLetterSourceDeliveryCount": "5",
    }
    async with running("on_dead_letter", world) as function:
        for data in (b'{"any": "thing"}', b"\x00\xff not even text", b""):
            assert await function.push(data, **given_up) == 204
            row = world.last_dead_letter()
            assert (row["reason"], row["body"], row["attributes"]) == ("undeliverable", data, given_up)
            assert "on-send-request" in row["detail"]


@pytest.mark.parametrize("name", ["on_reminder_tick", "on_sweep_tick", "watch"])
async def test_a_tick_is_one_whatever_it_says_and_what_is_no_push_is_a_dead_letter(world: World, name: str) -> None:
    async with running(name, world) as function:
        for data in (b"", b"now", b"[]"):
            assert await function.push(data) == 204
        assert world.rows("select 1 from dead_letters where source = %s", name) == []
        answer = await function.post(push_of(b"{}") + b"}")
        assert answer.status_code == 204
    row = world.last_dead_letter()
    assert (row["source"], row["reason"]) == (name, "not_json")

"""on_delivery_callback: reports in any order and number, on messages that exist, that do not, or are another's."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.messages.dispatch.submit_store import mark_prepared, mark_sent
from shared.providers import ProviderAccount
from shared.tenants.accounts import register_account
from shared.workflows.events.intake import EventIntake
from tests.clock import NOON
from tests.endpoints import Endpoint, running
from tests.world import KEYS, World, event


@pytest.fixture(scope="module")
async def function(shared_world: World) -> AsyncIterator[Endpoint]:
    async with running("on_delivery_callback", shared_world) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
async def intake(shared_world: World) -> EventIntake:
    return EventIntake(shared_world.as_role("allim_events"), shared_world.publisher, shared_world.clock)


async def sending(
    world: World, intake: EventIntake, count: int = 1, *, api_key: str | None = None
) -> tuple[str, list[UUID]]:
    """A tenant with messages that are under way to the provider by AlimTalk."""
    tenant = await world.tenant(api_key=api_key)
    for number in range(count):
        await intake.receive(event(tenant, f"e-{number}", customer={"id": f"c-{number}"}))
    claimed = await world.claim_waiting(tenant)
    world.publisher.published.clear()
    return tenant, [row.id for row in claimed]


def report(message: UUID | str, outcome: str, code: str = "", *, attempt: int = 0, **changes: Any) -> dict[str, Any]:
    fallback = {"code": code or outcome, "channel": "sms" if attempt else "alimtalk", "provider_message_id": "M1"}
    return {"message": str(message), "attempt": attempt, "outcome": outcome, **fallback, **changes}


def batch(tenant: str, *reports: dict[str, Any]) -> dict[str, Any]:
    return {"tenant": tenant, "provider": "solapi", "account": "main", "reports": reports}


def kept(world: World, tenant: str) -> set[tuple[int, str]]:
    return {
        (row["attempt"], row["code"])
        for row in world.rows("select attempt, code from reports where tenant = %s", tenant)
    }


def standings(world: World, tenant: str) -> dict[UUID, tuple[Any, ...]]:
    rows = world.messages(tenant)
    return {row["id"]: (row["status"], row["reason"], row["channel"], row["attempt"]) for row in rows}


async def test_a_delivery_is_recorded_with_its_price(function: Endpoint, world: World, intake: EventIntake) -> None:
    tenant, [message] = await sending(world, intake)
    assert await function.push(batch(tenant, report(message, "delivered", "4000"))) == 204
    [row] = world.messages(tenant)
    assert (row["status"], row["provider_message_id"], row["price"]) == ("delivered", "M1", 15)
    assert kept(world, tenant) == {(0, "4000")}


async def test_a_failed_alimtalk_goes_on_to_sms_with_a_ticket(
    function: Endpoint, world: World, intake: EventIntake
) -> None:
    tenant, [message] = await sending(world, intake)
    assert await function.push(batch(tenant, report(message, "failed", "3104"))) == 204
    [row] = world.messages(tenant)
    assert (row["status"], row["channel"], row["attempt"], row["position"]) == ("queued", "sms", 1, 1)
    [(topic, ticket)] = world.publisher.published
    assert (topic, ticket["messages"]) == ("send-requests", [str(message)])
    assert len(world.rows("select 1 from outbox where tenant = %s", tenant)) == 1


async def test_a_report_on_a_message_that_does_not_exist_is_a_dead_letter_and_holds_up_nothing(
    function: Endpoint, world: World, intake: EventIntake
) -> None:
    tenant, messages = await sending(world, intake, 3)
    stray = uuid4()
    reports = [report(message, "delivered") for message in messages]
    assert await function.push(batch(tenant, reports[0], report(stray, "failed", "3010"), *reports[1:])) == 204
    assert [status for status, _ in world.statuses(tenant)] == ["delivered"] * 3
    [(reason, detail)] = world.dead_letters(tenant)
    assert reason == "unknown_message"
    assert str(stray) in detail


async def test_a_report_on_another_tenants_message_changes_nothing_there(
    function: Endpoint, world: World, intake: EventIntake
) -> None:
    tenant, [message] = await sending(world, intake)
    other, [others] = await sending(world, intake)
    assert await function.push(batch(tenant, report(message, "delivered"), report(others, "failed", "3104"))) == 204
    assert world.statuses(tenant) == [("delivered", None)]
    assert world.statuses(other) == [("sending", None)]
    assert [reason for reason, _ in world.dead_letters(tenant)] == ["unknown_message"]
    assert kept(world, other) == set()


async def test_reports_of_a_shared_account_reach_the_message_that_they_name_whoever_is_called(
    function: Endpoint, world: World, intake: EventIntake
) -> None:
    tenant, [message] = await sending(world, intake, api_key="shared")
    other, others = await sending(world, intake, 2, api_key="shared")
    stray = uuid4()
    reports = [
        report(message, "delivered"),
        report(others[0], "delivered"),
        report(others[1], "failed", "3104"),
        report(stray, "failed"),
    ]
    for _ in range(2):  # twice is once
        assert await function.push(batch(tenant, *reports)) == 204
    assert world.statuses(tenant) == [("delivered", None)]
    assert sorted(world.statuses(other)) == [("delivered", None), ("queued", None)]
    assert kept(world, other) == {(0, "delivered"), (0, "3104")}
    assert {row["price"] for row in world.messages(other)} == {15, None}
    assert world.dead_letters(other) == []
    assert all(reason == "unknown_message" and str(stray) in detail for reason, detail in world.dead_letters(tenant))
    # The second message waits for its next call; what is said of the first one is still heard.
    assert await function.push(batch(tenant, report(others[1], "delivered", "4000"))) == 204
    assert world.statuses(other) == [("delivered", None)] * 2


async def test_a_shared_account_says_nothing_of_what_another_account_sends(
    function: Endpoint, world: World, intake: EventIntake
) -> None:
    tenant, _ = await sending(world, intake, api_key="common")
    other, [by_its_own, waits] = await sending(world, intake, 2)
    secrets = {"api_key": "common", "api_secret": "secret", "webhook_secret": "hook"}
    second = ProviderAccount(other, "second", "solapi", "021234567", "pf", secrets)
    async with world.owner.transaction() as connection:
        await register_account(connection, KEYS, second, now=NOON)
    assert await function.push(batch(other, report(waits, "failed", "3104"))) == 204
    forged = [report(by_its_own, "delivered"), report(waits, "delivered", "4000")]
    assert await function.push(batch(tenant, *forged)) == 204
    assert sorted(world.statuses(other)) == [("queued", None), ("sending", None)]
    assert [reason for reason, _ in world.dead_letters(tenant)] == ["unknown_message"] * 2


async def test_a_message_that_never_left_is_not_settled_by_a_shared_account(
    function: Endpoint, world: World, intake: EventIntake
) -> None:
    tenant, _ = await sending(world, intake, api_key="one")
    other = await world.tenant(api_key="one")
    await intake.receive(event(other))
    [waiting] = world.messages(other)
    assert await function.push(batch(tenant, report(waiting["id"], "delivered"))) == 204
    assert world.statuses(other) == [("queued", None)]


async def test_another_secret_with_the_same_key_is_another_account(
    function: Endpoint, world: World, intake: EventIntake
) -> None:
    other, [message] = await sending(world, intake, api_key="known to all")
    secrets = {"api_key": "known to all", "api_secret": "guessed", "webhook_secret": "hook"}
    tenant = await world.tenant(account=False)
    async with world.owner.transaction() as connection:
        main = ProviderAccount(tenant, "main", "solapi", "021234567", "pf", secrets)
        await register_account(connection, KEYS, main, now=NOON)
    assert await function.push(batch(tenant, report(message, "failed", "3104"))) == 204
    assert world.statuses(other) == [("sending", None)]


async def test_a_report_before_the_send_was_recorded_is_not_undone_by_the_record(
    function: Endpoint, world: World, intake: EventIntake
) -> None:
    tenant, messages = await sending(world, intake, 3)
    outcomes = ["delivered", "failed", "unconfirmed"]
    reports = [report(message, outcome) for message, outcome in zip(messages, outcomes, strict=True)]
    assert await function.push(batch(tenant, *reports)) == 204
    told = standings(world, tenant)
    [dispatch] = world.rows("select id from dispatches where tenant = %s", tenant)
    async with world.as_role("allim_sender").connection() as connection:
        await mark_prepared(connection, tenant, dispatch["id"], batch="G1", now=NOON, lease_until=NOON)
        accepted = [(message, "alimtalk", "M1") for message in messages]
        await mark_sent(connection, tenant, dispatch["id"], accepted, now=NOON, check_at=NOON)
    after = {
        row["id"]: (row["status"], row["reason"], row["channel"], row["attempt"]) for row in world.messages(tenant)
    }
    assert (
        after
        == told
        == {
            messages[0]: ("delivered", None, "alimtalk", 0),
            messages[1]: ("queued", None, "sms", 1),
            messages[2]: ("unknown", "unconfirmed", "alimtalk", 0),
        }
    )


STORY = (
    report("M", "sent", "3000"),
    report("M", "failed", "3104"),
    report("M", "sent", "2000", attempt=1),
    report("M", "delivered", "4000", attempt=1),
)


async def test_reports_come_to_one_end_in_every_order(function: Endpoint, world: World, intake: EventIntake) -> None:
    orders = list(itertools.permutations(STORY))
    tenant, messages = await sending(world, intake, len(orders))

    async def tell(message: UUID, order: Sequence[dict[str, Any]]) -> None:
        for each in order:
            assert await function.push(batch(tenant, each | {"message": str(message)})) == 204

    await asyncio.gather(*map(tell, messages, orders))
    rows = world.messages(tenant)
    assert {(row["status"], row["attempt"], row["reason"], row["channel"], row["price"]) for row in rows} == {
        ("delivered", 1, None, "sms", 20)
    }
    assert kept(world, tenant) == {(0, "3000"), (0, "3104"), (1, "2000"), (1, "4000")}


async def test_reports_come_to_one_end_in_one_batch_and_told_twice(
    function: Endpoint, world: World, intake: EventIntake
) -> None:
    tenant, messages = await sending(world, intake, 6)
    everything = [each | {"message": str(message)} for message in messages for each in STORY]
    pushes = [batch(tenant, *everything), batch(tenant, *reversed(everything)), batch(tenant, *everything, *everything)]
    assert await asyncio.gather(*map(function.push, pushes)) == [204] * 3
    assert {(row["status"], row["attempt"], row["price"]) for row in world.messages(tenant)} == {("delivered", 1, 20)}
    [count] = world.rows("select count(*) as count from reports where tenant = %s", tenant)
    assert count["count"] == len(everything)


async def test_the_failures_of_both_channels_in_one_batch_are_an_end_with_a_reason(
    function: Endpoint, world: World, intake: EventIntake
) -> None:
    tenant, [message] = await sending(world, intake)
    both = [report(message, "failed", "3104"), report(message, "failed", "3010", attempt=1, channel="lms")]
    assert await function.push(batch(tenant, *both)) == 204
    assert world.statuses(tenant) == [("failed", "3010")]
    assert world.publisher.published == []


async def test_a_channel_that_nobody_knows_is_no_way_to_lose_a_report(
    function: Endpoint, world: World, intake: EventIntake
) -> None:
    tenant, [message] = await sending(world, intake)
    assert await function.push(batch(tenant, report(message, "delivered", channel="pigeon"))) == 204
    assert world.statuses(tenant) == [("delivered", None)]


@pytest.mark.parametrize(
    "change",
    [
        {"attempt": -1},
        {"attempt": 40_000},
        {"message": "M1"},
        {"outcome": "vanished"},
        {"code": "4\x00"},
        {"code": "4" * 3_000},
        {"at": "2026-11-21T12:00:00"},
        {"more": 1},
    ],
)
async def test_a_malformed_batch_is_a_dead_letter(function: Endpoint, world: World, change: dict[str, Any]) -> None:
    tenant = await world.tenant()
    assert await function.push(batch(tenant, report(uuid4(), "delivered") | change)) == 204
    assert [reason for reason, _ in world.dead_letters(tenant)] == ["schema_violation"]


async def test_a_providers_sentence_of_any_length_and_kind_is_kept_shortened(
    function: Endpoint, world: World, intake: EventIntake
) -> None:
    tenant, [message] = await sending(world, intake)
    said = "수신\x00 거부 " * 10_000
    assert await function.push(batch(tenant, report(message, "failed", "3104", detail=said))) == 204
    [row] = world.rows("select detail from reports where tenant = %s", tenant)
    assert row["detail"] == said.replace("\x00", "")[:500]


async def test_a_batch_of_an_unknown_tenant_is_dead_letters(function: Endpoint, world: World) -> None:
    assert await function.push(batch("stranger", report(uuid4(), "delivered"))) == 204
    assert [reason for reason, _ in world.dead_letters("stranger")] == ["unknown_message"]

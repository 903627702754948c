"""A suspended tenant: its events count, nothing of it leaves, and on resuming only what is still in time."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from shared.contracts.outcomes import Outcome
from shared.contracts.reports import ProviderReport
from shared.messages.dispatch.store import SUSPENSION_RECHECK
from shared.messages.reports.reporting import Reports, Told
from shared.messages.resuming import resume_sending
from shared.operations.health.checks import TICKET_PATIENCE
from shared.operations.health.store import read_gauges
from shared.tenants.suspending import SuspensionError, suspend
from shared.workflows.events.intake import EventIntake
from shared.workflows.events.telling import SUSPENDED, told_of
from shared.workflows.ticks.ticking import Ticker
from tests.clock import NOON
from tests.databases import Migrated
from tests.world import World, event

MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)
PATIENT = {"name": "welcome", "on": "subscription.signup", "valid_for": "3h", "steps": [{"send": "welcome"}]}
REMINDER: dict[str, Any] = {
    "name": "pickup",
    "on": "appointment.scheduled",
    "key": "data.appointment_id",
    "anchor": "data.starts_at",
    "steps": [{"at": "-10m", "send": "reminder"}, {"at": "2h", "send": "reminder"}],
}
BEAT = dt.timedelta(milliseconds=1)


@pytest.fixture
async def world(shared_world: World) -> World:
    shared_world.clock.moment = NOON
    shared_world.publisher.published.clear()
    return shared_world


async def _suspend(world: World, tenant: str) -> None:
    async with world.owner.transaction() as connection:
        await suspend(connection, tenant, why="미납", by="kim", now=world.clock.now())


async def _resume(world: World, tenant: str) -> None:
    async with world.owner.transaction() as connection:
        await resume_sending(connection, tenant, by="lee", now=world.clock.now())


async def _hear(world: World, tenant: str, id_: str = "e-1", kind: str = "subscription.signup", **data: Any) -> None:
    intake = EventIntake(world.as_role("allim_events"), world.publisher, world.clock)
    assert await intake.take([event(tenant, id_, kind, time=world.clock.now(), **data)]) == [None]


async def _tick(world: World) -> None:
    await Ticker(world.as_role("allim_ticker"), world.publisher, world.clock).hold(BEAT)


def _due(world: World, tenant: str) -> list[dt.datetime]:
    return [row["publish_at"] for row in world.rows("select publish_at from outbox where tenant = %s", tenant)]


async def test_an_event_is_kept_and_says_so_its_message_waits_and_leaves_on_resuming(world: World) -> None:
    tenant = await world.tenant(PATIENT)
    await _suspend(world, tenant)
    await _hear(world, tenant)
    [outcome] = world.outcomes(tenant)["e-1"]
    assert (outcome.did, outcome.spoke, outcome.suspended) == ("started", 1, True)
    assert all(told in sentence for told, sentence in zip(SUSPENDED, told_of([outcome]), strict=True))
    assert await world.claim_waiting(tenant) == []
    assert world.statuses(tenant) == [("queued", None)]
    assert _due(world, tenant) == [NOON + SUSPENSION_RECHECK]
    world.clock.moment += 5 * MINUTE
    await _resume(world, tenant)
    assert _due(world, tenant) == [NOON + 5 * MINUTE], "at once, not when it would have been looked at"
    assert [claimed.template for claimed in await world.claim_waiting(tenant)] == ["welcome"]


async def test_what_is_not_in_time_any_more_ends_with_the_reason_and_costs_nothing(world: World) -> None:
    tenant = await world.tenant(PATIENT)
    await _suspend(world, tenant)
    await _hear(world, tenant)
    world.clock.moment += 3 * HOUR + BEAT
    assert await world.claim_waiting(tenant) == []
    assert world.statuses(tenant) == [("expired", "tenant_suspended")]
    await _resume(world, tenant)
    assert await world.claim_waiting(tenant) == []
    assert world.rows("select held from credit_accounts where tenant = %s", tenant) == [{"held": 0}]


async def test_runs_go_on_and_on_resuming_only_the_steps_still_in_time_speak(world: World) -> None:
    tenant = await world.tenant(REMINDER)
    await _hear(
        world, tenant, kind="appointment.scheduled", appointment_id="a", starts_at=(NOON + 20 * MINUTE).isoformat()
    )
    await _suspend(world, tenant)
    world.clock.moment = NOON + 10 * MINUTE
    await _tick(world)
    assert await world.claim_waiting(tenant) == []
    world.clock.moment = NOON + 2 * HOUR + 40 * MINUTE
    await _tick(world)
    assert await world.claim_waiting(tenant) == []
    await _resume(world, tenant)
    assert len(await world.claim_waiting(tenant)) == 1
    assert world.statuses(tenant) == [("expired", "tenant_suspended"), ("sending", None)]


async def test_what_nobody_looked_at_for_a_week_does_not_leave_on_resuming(world: World) -> None:
    tenant = await world.tenant(PATIENT)
    await _suspend(world, tenant)
    await _hear(world, tenant)
    world.clock.moment += 7 * 24 * HOUR
    await _resume(world, tenant)
    assert await world.claim_waiting(tenant) == []
    assert world.statuses(tenant) == [("expired", "too_late")]


async def test_what_was_sent_before_is_reported_and_charged_and_its_next_channel_waits(world: World) -> None:
    tenant = await world.tenant(PATIENT)
    for id_ in ("e-1", "e-2"):
        await _hear(world, tenant, id_, customer={"id": id_})
    first, second = await world.claim_waiting(tenant)
    await _suspend(world, tenant)
    reports = Reports(world.as_role("allim_reports"), world.publisher, world.clock)
    for claimed, outcome in ((first, Outcome.DELIVERED), (second, Outcome.FAILED)):
        report = ProviderReport(
            message=claimed.id,
            attempt=claimed.attempt,
            channel=claimed.leg,
            outcome=outcome,
            code="4000",
            detail="",
            provider_message_id=str(claimed.id),
        )
        await reports.record([Told(tenant, "solapi", report)])
    assert await world.claim_waiting(tenant) == []
    rows = {row["id"]: (row["status"], row["price"], row["position"]) for row in world.messages(tenant)}
    assert rows == {first.id: ("delivered", 15, 0), second.id: ("queued", None, 1)}
    await _resume(world, tenant)
    assert [claimed.leg for claimed in await world.claim_waiting(tenant)] == ["sms"]


async def test_a_suspended_tenant_delays_no_other_and_is_no_alarm(database: Migrated) -> None:
    world = World(database)
    tenant, other = await world.tenant(PATIENT), await world.tenant(PATIENT)
    await _suspend(world, tenant)
    await _hear(world, tenant)
    await _hear(world, other)
    assert len(await world.claim_waiting(other)) == 1
    assert world.outcomes(other) == {"e-1": []}
    now = world.clock.now() + HOUR
    async with world.as_role("allim_health").connection() as connection:
        assert (await read_gauges(connection, now, patience=TICKET_PATIENCE)).oldest_queued_at is None
    await _resume(world, tenant)
    async with world.as_role("allim_health").connection() as connection:
        assert (await read_gauges(connection, now, patience=TICKET_PATIENCE)).oldest_queued_at == NOON
    await world.close()


async def test_who_suspended_and_who_resumed_and_why_is_kept(world: World) -> None:
    tenant = await world.tenant()
    await _suspend(world, tenant)
    with pytest.raises(SuspensionError, match="already_suspended"):
        await _suspend(world, tenant)
    world.clock.moment += HOUR
    await _resume(world, tenant)
    with pytest.raises(SuspensionError, match="not_suspended"):
        await _resume(world, tenant)
    rows = world.rows("select what, done_by, why, created_at from tenant_history where tenant = %s order by id", tenant)
    assert [tuple(row.values()) for row in rows] == [
        ("suspended", "kim", "미납", NOON),
        ("resumed", "lee", None, NOON + HOUR),
    ]


@pytest.mark.parametrize(
    ("tenant", "why", "code"),
    [("nobody", "미납", "unknown_tenant"), ("nobody", " ", "bad_why"), ("nobody", "a\nb", "bad_why")],
)
async def test_what_can_not_be_is_refused_in_both_languages(world: World, tenant: str, why: str, code: str) -> None:
    async with world.owner.transaction() as connection:
        with pytest.raises(SuspensionError, match=code) as refused:
            await suspend(connection, tenant, why=why, by="kim", now=NOON)
    assert refused.value.detail_ko

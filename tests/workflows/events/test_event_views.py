"""What came in, and what came of it, as people see it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import pytest

from shared.platform.errors import AllimError
from shared.workflows.events.intake import EventIntake
from shared.workflows.events.views import EventView, list_events
from tests.clock import NOON
from tests.world import WELCOME, World, event

HOUR = dt.timedelta(hours=1)
PICKUP: Mapping[str, Any] = {
    "name": "pickup",
    "on": "appointment.scheduled",
    "key": "data.appointment",
    "where": {"customer.plan": "pro", "data.guests": {"gte": 2, "lt": 5}},
    "anchor": "data.starts_at",
    "steps": [
        {"at": "-30m", "send": "reminder"},
        {"at": "-10m", "send": "reminder", "unless": "pickup.confirmed"},
        {"at": "+5m", "send": "reminder", "unless": "pickup.confirmed"},
    ],
    "move_on": "appointment.rescheduled",
    "stop_on": "appointment.cancelled",
    "route": "sms_only",
}
PRO = {"plan": "pro"}


@pytest.fixture
def world(own_world: World) -> World:
    return own_world


@pytest.fixture
async def tenant(world: World) -> str:
    return await world.tenant(WELCOME, PICKUP)


async def _tell(world: World, tenant: str, id_: str, kind: str = "subscription.signup", **parts: Any) -> None:
    world.clock.advance(1)
    intake = EventIntake(world.as_role("allim_events"), world.publisher, world.clock)
    await intake.receive(event(tenant, id_, kind, **{"time": world.clock.now(), **parts}))


async def _schedule(world: World, tenant: str, id_: str = "e-1", **parts: Any) -> None:
    given = {"appointment": "a-1", "guests": 2, "starts_at": (NOON + 5 * HOUR).isoformat(), "customer": PRO} | parts
    await _tell(world, tenant, id_, "appointment.scheduled", **given)


async def _events(world: World, **options: Any) -> list[EventView]:
    async with world.as_role("allim_operator").connection() as connection:
        return await list_events(connection, since=NOON - HOUR, limit=10, **options)


async def _newest(world: World) -> EventView:
    return (await _events(world))[0]


async def test_events_are_listed_newest_first_with_what_came_of_them(world: World, tenant: str) -> None:
    await _tell(world, tenant, "e-1")
    await _tell(world, tenant, "e-2", "planet.discovered")
    assert [(event.id, event.came_to, event.came_to_ko) for event in await _events(world)] == [
        ("e-2", "no workflow listened to it", "이 이벤트를 듣는 워크플로가 없었습니다"),
        ("e-1", "welcome: it started; 1 message at once", "welcome: 시작했습니다; 메시지 1건 즉시 생성"),
    ]


async def test_what_came_of_an_event_stays_when_workflows_change(world: World, tenant: str) -> None:
    await _tell(world, tenant, "e-1", "planet.discovered")
    await _tell(world, tenant, "e-2")
    world.rows("update workflows set active = false")
    assert [event.came_to for event in await _events(world)] == [
        "welcome: it started; 1 message at once",
        "no workflow listened to it",
    ]


async def test_a_start_tells_its_run_and_when_its_steps_are_due(world: World, tenant: str) -> None:
    await _schedule(world, tenant)
    found = await _newest(world)
    assert found.came_to == (
        "pickup: it started run a-1 for 2026-11-21 17:00; 3 steps wait, the first for 2026-11-21 16:30"
    )
    assert found.came_to_ko == (
        "pickup: 실행 a-1 시작, 기준 시각 2026-11-21 17:00; 대기 중인 단계 3개, 첫 발송 2026-11-21 16:30"
    )


async def test_a_start_tells_what_was_past_and_what_speaks_at_once(world: World, tenant: str) -> None:
    soon = NOON + dt.timedelta(minutes=9)
    await _schedule(world, tenant, starts_at=soon.isoformat())
    assert "1 step waits for 2026-11-21 12:14; 2 steps were past when it happened" in (await _newest(world)).came_to


async def test_a_move_tells_from_when_to_when(world: World, tenant: str) -> None:
    await _schedule(world, tenant)
    later = (NOON + 6 * HOUR).isoformat()
    await _tell(world, tenant, "e-2", "appointment.rescheduled", appointment="a-1", starts_at=later)
    found = await _newest(world)
    assert found.came_to.startswith("pickup: it moved run a-1 from 2026-11-21 17:00 to 2026-11-21 18:00; 3 steps wait")
    assert "실행 a-1 이동, 기준 시각 2026-11-21 17:00 → 2026-11-21 18:00" in found.came_to_ko


async def test_a_stop_tells_which_run_and_a_second_one_that_it_was_stopped(world: World, tenant: str) -> None:
    await _schedule(world, tenant)
    await _tell(world, tenant, "e-2", "appointment.cancelled", appointment="a-1")
    assert (await _newest(world)).came_to == "pickup: it stopped run a-1; nothing more is sent of it"
    await _tell(world, tenant, "e-3", "appointment.cancelled", appointment="a-1")
    assert (await _newest(world)).came_to == "pickup: run a-1 is stopped"


async def test_a_confirmation_tells_which_steps_it_silenced(world: World, tenant: str) -> None:
    await _schedule(world, tenant)
    world.clock.moment = NOON + 4 * HOUR + dt.timedelta(minutes=55)
    await _tell(world, tenant, "e-2", "pickup.confirmed", appointment="a-1")
    found = await _newest(world)
    assert found.came_to == "pickup: it silenced step 3 (2026-11-21 17:05) of run a-1"
    assert found.came_to_ko == "pickup: 실행 a-1의 단계 3 (2026-11-21 17:05) 발송 취소"
    world.clock.moment = NOON + 6 * HOUR
    await _tell(world, tenant, "e-3", "pickup.confirmed", appointment="a-1")
    assert (await _newest(world)).came_to == "pickup: run a-1 has heard it; no step was left to silence"


@pytest.mark.parametrize(
    ("changes", "told", "told_ko"),
    [
        pytest.param(
            {"customer": {"plan": "PRO"}},
            "customer.plan is PRO, wanted pro",
            "customer.plan 값: PRO (조건: pro)",
            id="another value",
        ),
        pytest.param(
            {"customer": {}}, "customer.plan is missing, wanted pro", "customer.plan 값 없음 (조건: pro)", id="missing"
        ),
        pytest.param(
            {"guests": 7},
            "data.guests is 7, wanted 2 or more and less than 5",
            "data.guests 값: 7 (조건: 2 이상, 5 미만)",
            id="out of range",
        ),
        pytest.param(
            {"guests": "3"},
            'data.guests is "3" (text), wanted 2 or more and less than 5',
            'data.guests 값: "3" (글자) (조건: 2 이상, 5 미만)',
            id="text for a number",
        ),
    ],
)
async def test_a_condition_that_does_not_hold_is_told_with_what_was_there(
    world: World, tenant: str, changes: dict[str, Any], told: str, told_ko: str
) -> None:
    await _schedule(world, tenant, **changes)
    found = await _newest(world)
    assert found.came_to == f"pickup: it did not start: {told}"
    assert found.came_to_ko == f"pickup: 시작하지 않았습니다: {told_ko}"


async def test_a_dead_letter_is_told_with_its_reason(world: World, tenant: str) -> None:
    await _schedule(world, tenant, starts_at="2026-11-21T17:00:00")
    found = await _newest(world)
    assert found.came_to.startswith("pickup: a dead letter (bad_anchor): data.starts_at: '2026-11-21T17:00:00' has no")
    assert "데드레터" in found.came_to_ko
    assert [reason for reason, _ in world.dead_letters(tenant)] == ["bad_anchor"]


async def test_an_event_that_two_workflows_hear_tells_of_both(world: World) -> None:
    tenant = await world.tenant(WELCOME, {**PICKUP, "on": "subscription.signup"})
    await _tell(world, tenant, "e-1", customer=PRO, guests=2)
    assert (await _newest(world)).came_to == (
        "pickup: it finds no key at data.appointment; welcome: it started; 1 message at once"
    )


async def test_an_event_from_before_outcomes_were_kept_has_its_note(world: World, tenant: str) -> None:
    await _tell(world, tenant, "e-1")
    await _tell(world, tenant, "e-2")
    world.rows("update events set outcomes = null, note = case id when 'e-2' then 'every step was past' end")
    assert [event.came_to for event in await _events(world)] == [
        "every step was past",
        "what it came to was not kept then",
    ]


async def test_outcomes_cost_no_statement_more_where_runs_are_kept(world: World, tenant: str) -> None:
    """Half of the database's time is round trips."""
    counted = world.as_role("allim_events")
    statements: list[str] = []
    intake = EventIntake(counted, world.publisher, world.clock)
    async with counted.connection() as connection:
        execute = type(connection).execute

    async def counting(self: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        statements.append(str(query))
        return await execute(self, query, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(connection), "execute", counting)
        starts = event(
            tenant,
            "e-1",
            "appointment.scheduled",
            customer=PRO,
            guests=2,
            appointment="a-1",
            time=world.clock.now(),
            starts_at=(NOON + 5 * HOUR).isoformat(),
        )
        await intake.receive(starts)
    assert [statement for statement in statements if "set outcomes" in statement] == [
        statement for statement in statements if "insert into runs" in statement
    ]


async def test_events_are_narrowed_by_tenant_type_and_customer(world: World, tenant: str) -> None:
    other = await world.tenant()
    await _tell(world, tenant, "e-1", customer={"id": "c-7"})
    await _tell(world, other, "e-2")
    assert [event.id for event in await _events(world, tenant=other)] == ["e-2"]
    assert [event.id for event in await _events(world, type_="subscription.signup")] == ["e-2", "e-1"]
    assert await _events(world, type_="cancel") == []
    assert [(event.id, event.customer) for event in await _events(world, customer="c-7")] == [("e-1", "c-7")]
    assert await _events(world, customer="c-7", type_="cancel") == []


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        pytest.param({"tenant": "nobody"}, "unknown_tenant", id="tenant"),
        pytest.param({"customer": "stranger"}, "unknown_customer", id="customer"),
        pytest.param({"tenant": "nobody", "customer": "c-1"}, "unknown_tenant", id="both"),
    ],
)
async def test_whom_nobody_knows_is_told_apart_from_who_is_silent(
    world: World, tenant: str, asked: dict[str, str], code: str
) -> None:
    with pytest.raises(AllimError) as refused:
        await _events(world, **asked)
    assert refused.value.code == code
    assert refused.value.detail_ko


@pytest.mark.parametrize("phone", [None, "02-123-4567"], ids=["none", "no mobile"])
async def test_a_message_that_can_not_be_sent_is_told_with_its_reason(
    world: World, tenant: str, phone: str | None
) -> None:
    await _tell(world, tenant, "e-1", customer={"phone": phone})
    reason = "missing_phone" if phone is None else "invalid_phone"
    found = await _newest(world)
    assert found.came_to == f"welcome: it started; 1 message that can't be sent: {reason}"
    assert f"보낼 수 없는 메시지 1건: {reason}" in found.came_to_ko

"""Workflows in time, on Postgres, with a clock that the test moves."""

import asyncio
import datetime as dt

import pytest

from shared.platform.pubsub import SEND_REQUESTS
from shared.workflows.definition import WorkflowDefinition
from shared.workflows.store import save_workflows
from tests.clock import NOON
from tests.workflows.timeline import FIVE, MINUTE, REMINDERS, Timeline
from tests.world import World


async def test_each_reminder_speaks_at_its_moment_and_once(timeline: Timeline) -> None:
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    assert timeline.waiting() == [FIVE - 30 * MINUTE, FIVE - 10 * MINUTE, FIVE + 5 * MINUTE]
    for moment, count in [
        (FIVE - 31 * MINUTE, 0),
        (FIVE - 30 * MINUTE, 1),
        (FIVE - 30 * MINUTE, 1),
        (FIVE - 11 * MINUTE, 1),
        (FIVE - 10 * MINUTE, 2),
        (FIVE + 4 * MINUTE, 2),
        (FIVE + 5 * MINUTE, 3),
        (FIVE + 60 * MINUTE, 3),
    ]:
        await timeline.at(moment)
        assert len(timeline.spoken()) == count, moment
    assert timeline.spoken() == [FIVE - 30 * MINUTE, FIVE - 10 * MINUTE, FIVE + 5 * MINUTE]
    assert timeline.waiting() == []
    message = timeline.world.messages(timeline.tenant)[0]
    assert message["variables"] == {"이름": "홍길동", "시간": "17:00"}
    assert (message["workflow"], message["run_key"], message["step"]) == ("pickup", "a-1", 0)
    assert message["event_id"] == "e-1"


async def test_what_speaks_is_queued_with_a_ticket_in_the_outbox_and_published(timeline: Timeline) -> None:
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    await timeline.at(FIVE - 30 * MINUTE)
    [message] = timeline.world.messages(timeline.tenant)
    [ticket] = timeline.tickets()
    assert ticket["messages"] == [str(message["id"])]
    [row] = timeline.world.rows("select id, topic, body from outbox where tenant = %s", timeline.tenant)
    assert (str(row["id"]), row["topic"], row["body"]) == (ticket["id"], SEND_REQUESTS, ticket)


async def test_a_step_is_silent_once_its_unless_was_seen(timeline: Timeline) -> None:
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    await timeline.at(FIVE - 30 * MINUTE)
    await timeline.at(FIVE - 20 * MINUTE)
    await timeline.tell("pickup.confirmed")
    await timeline.at(FIVE + 5 * MINUTE)
    assert timeline.spoken() == [FIVE - 30 * MINUTE]
    assert timeline.waiting() == []


async def test_a_confirmation_that_comes_before_its_appointment_counts(timeline: Timeline) -> None:
    await timeline.tell("pickup.confirmed", time=NOON + MINUTE)
    await timeline.tell("appointment.scheduled", starts_at=FIVE, time=NOON)
    await timeline.at(FIVE + 5 * MINUTE)
    assert timeline.spoken() == [FIVE - 30 * MINUTE]


async def test_a_run_that_moves_later_speaks_at_its_new_moments_only(timeline: Timeline) -> None:
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    await timeline.tell("appointment.rescheduled", starts_at=FIVE + 60 * MINUTE, time=NOON + MINUTE)
    await timeline.at(FIVE + 5 * MINUTE)
    assert timeline.spoken() == []
    await timeline.at(FIVE + 65 * MINUTE)
    assert timeline.spoken() == [FIVE + 30 * MINUTE, FIVE + 50 * MINUTE, FIVE + 65 * MINUTE]


async def test_a_run_that_moves_earlier_speaks_earlier(timeline: Timeline) -> None:
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    await timeline.tell("appointment.rescheduled", starts_at=FIVE - 60 * MINUTE, time=NOON + MINUTE)
    await timeline.at(FIVE - 90 * MINUTE)
    assert timeline.spoken() == [FIVE - 90 * MINUTE]


async def test_a_run_that_moves_after_a_reminder_reminds_again_of_the_new_time(timeline: Timeline) -> None:
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    await timeline.at(FIVE - 30 * MINUTE)
    await timeline.tell("appointment.rescheduled", starts_at=FIVE + 60 * MINUTE)
    await timeline.at(FIVE + 30 * MINUTE)
    assert timeline.spoken() == [FIVE - 30 * MINUTE, FIVE + 30 * MINUTE]
    assert [row["variables"]["시간"] for row in timeline.world.messages(timeline.tenant)] == ["17:00", "18:00"]


async def test_a_run_that_moves_so_close_that_a_step_is_past_leaves_that_step_out(timeline: Timeline) -> None:
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    timeline.world.clock.moment = NOON + 60 * MINUTE
    await timeline.tell("appointment.rescheduled", starts_at=NOON + 80 * MINUTE)
    assert timeline.waiting() == [NOON + 70 * MINUTE, NOON + 85 * MINUTE]
    assert timeline.spoken() == []


async def test_a_run_that_moves_into_the_past_says_so_and_is_silent(timeline: Timeline) -> None:
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    await timeline.tell("appointment.rescheduled", starts_at=NOON - 60 * MINUTE, time=NOON + MINUTE)
    await timeline.at(FIVE + 5 * MINUTE)
    assert timeline.spoken() == []
    [outcome] = timeline.world.outcomes(timeline.tenant)["e-2"]
    assert (outcome.did, outcome.past, outcome.waiting) == ("moved", 3, {})


async def test_an_older_move_that_comes_late_changes_nothing_and_says_so(timeline: Timeline) -> None:
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    await timeline.tell("appointment.rescheduled", starts_at=FIVE + 60 * MINUTE, time=NOON + 2 * MINUTE)
    await timeline.tell("appointment.rescheduled", starts_at=FIVE + 30 * MINUTE, time=NOON + MINUTE)
    assert timeline.waiting()[0] == FIVE + 30 * MINUTE
    assert timeline.world.did(timeline.tenant)["e-3"] == ["known"]


async def test_a_move_that_comes_before_its_start_waits_for_it_and_says_so(timeline: Timeline) -> None:
    await timeline.tell("appointment.rescheduled", starts_at=FIVE + 60 * MINUTE, time=NOON + MINUTE)
    assert timeline.waiting() == []
    assert timeline.world.did(timeline.tenant)["e-1"] == ["remembered"]
    await timeline.tell("appointment.scheduled", starts_at=FIVE, time=NOON)
    assert timeline.waiting()[0] == FIVE + 30 * MINUTE


async def test_a_kept_move_still_beats_a_start_of_its_moment(timeline: Timeline) -> None:
    moved = NOON + MINUTE
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    await timeline.tell("appointment.rescheduled", starts_at=FIVE + 60 * MINUTE, time=moved)
    await timeline.tell("appointment.scheduled", starts_at=FIVE, time=moved)
    assert timeline.waiting()[0] == FIVE + 30 * MINUTE


async def test_a_stop_silences_a_run(timeline: Timeline) -> None:
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    await timeline.at(FIVE - 30 * MINUTE)
    await timeline.tell("appointment.cancelled")
    assert timeline.waiting() == []
    await timeline.at(FIVE + 5 * MINUTE)
    assert timeline.spoken() == [FIVE - 30 * MINUTE]


async def test_a_stop_that_comes_before_its_start_silences_it_and_says_so(timeline: Timeline) -> None:
    await timeline.tell("appointment.cancelled", time=NOON + MINUTE)
    assert timeline.world.did(timeline.tenant)["e-1"] == ["remembered"]
    await timeline.tell("appointment.scheduled", starts_at=FIVE, time=NOON)
    assert timeline.waiting() == []
    assert timeline.world.did(timeline.tenant)["e-2"] == ["already_stopped"]


async def test_a_run_starts_again_after_its_stop(timeline: Timeline) -> None:
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    await timeline.tell("pickup.confirmed", time=NOON + MINUTE)
    await timeline.tell("appointment.cancelled", time=NOON + 2 * MINUTE)
    await timeline.tell("appointment.scheduled", starts_at=FIVE, time=NOON + 3 * MINUTE)
    await timeline.at(FIVE + 5 * MINUTE)
    assert timeline.spoken() == [FIVE - 30 * MINUTE, FIVE - 10 * MINUTE, FIVE + 5 * MINUTE]


async def test_what_the_customer_is_told_is_what_is_known_when_the_step_speaks(timeline: Timeline) -> None:
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    await timeline.tell("customer.updated", time=NOON + MINUTE, customer={"name": "홍길순", "phone": "010-9000-4001"})
    await timeline.at(FIVE - 30 * MINUTE)
    [message] = timeline.world.messages(timeline.tenant)
    assert (message["variables"]["이름"], message["recipient"]) == ("홍길순", "01090004001")


async def _change_to_one_step_an_hour_before(timeline: Timeline) -> None:
    changed = WorkflowDefinition.model_validate(REMINDERS | {"steps": [{"at": "-60m", "send": "welcome"}]})
    async with timeline.world.owner.transaction() as connection:
        made = await save_workflows(connection, timeline.tenant, [changed], now=timeline.world.clock.now())
    assert made == {changed.name: 2}


async def test_a_run_that_has_begun_keeps_the_version_that_it_began_with(timeline: Timeline) -> None:
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    await _change_to_one_step_an_hour_before(timeline)
    await timeline.tell("appointment.scheduled", starts_at=FIVE + 60 * MINUTE, appointment_id="a-2")
    await timeline.tell("pickup.confirmed", appointment_id="a-3")
    await timeline.at(FIVE + 5 * MINUTE)
    messages = timeline.world.messages(timeline.tenant)
    assert [(row["run_key"], row["workflow_version"], row["template"], row["due_at"]) for row in messages] == [
        ("a-1", 1, "reminder", FIVE - 30 * MINUTE),
        ("a-1", 1, "reminder", FIVE - 10 * MINUTE),
        ("a-2", 2, "welcome", FIVE),
        ("a-1", 1, "reminder", FIVE + 5 * MINUTE),
    ]


async def _change_to_a_version_that_hears_nothing(timeline: Timeline) -> None:
    deaf = {name: value for name, value in REMINDERS.items() if name not in ("move_on", "stop_on")}
    changed = WorkflowDefinition.model_validate(deaf | {"steps": [{"at": "-60m", "send": "welcome"}]})
    async with timeline.world.owner.transaction() as connection:
        await save_workflows(connection, timeline.tenant, [changed], now=timeline.world.clock.now())


@pytest.mark.parametrize("event", ["pickup.confirmed", "appointment.cancelled", "appointment.rescheduled"])
async def test_a_run_hears_what_its_own_version_listens_to(timeline: Timeline, event: str) -> None:
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    await timeline.tell("appointment.scheduled", starts_at=FIVE, appointment_id="a-2")
    await _change_to_a_version_that_hears_nothing(timeline)
    await timeline.tell(event, starts_at=FIVE + 60 * MINUTE, time=NOON + MINUTE)
    await timeline.at(FIVE + 65 * MINUTE)
    told: dict[str, list[dt.datetime]] = {"a-1": [], "a-2": []}
    for row in timeline.world.messages(timeline.tenant):
        told[row["run_key"]].append(row["due_at"])
    at = [-30 * MINUTE, -10 * MINUTE, 5 * MINUTE]
    assert told["a-2"] == [FIVE + each for each in at]
    assert (
        told["a-1"]
        == {
            "pickup.confirmed": [FIVE - 30 * MINUTE],
            "appointment.cancelled": [],
            "appointment.rescheduled": [FIVE + 60 * MINUTE + each for each in at],
        }[event]
    )


async def test_an_older_version_begins_no_run_and_one_that_can_not_be_read_disturbs_nobody(timeline: Timeline) -> None:
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    await _change_to_a_version_that_hears_nothing(timeline)
    async with timeline.world.owner.transaction() as connection:
        await connection.execute("set local session_replication_role = replica")
        await connection.execute(
            "update workflow_versions set definition = '{}' where tenant = %s and version = 1", [timeline.tenant]
        )
    await timeline.tell("appointment.rescheduled", starts_at=FIVE, appointment_id="a-2")
    await timeline.tell("appointment.scheduled", starts_at=FIVE, appointment_id="a-3")
    assert timeline.waiting() == [FIVE - 60 * MINUTE, FIVE - 30 * MINUTE, FIVE - 10 * MINUTE, FIVE + 5 * MINUTE]
    timeline.world.rows("delete from timers where tenant = %s", timeline.tenant)  # the world is shared


async def test_a_run_that_moves_takes_the_steps_of_the_version_in_force(timeline: Timeline) -> None:
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    await _change_to_one_step_an_hour_before(timeline)
    await timeline.tell("appointment.rescheduled", starts_at=FIVE + 60 * MINUTE, time=NOON + MINUTE)
    await timeline.at(FIVE + 65 * MINUTE)
    messages = timeline.world.messages(timeline.tenant)
    assert [(row["workflow_version"], row["template"], row["due_at"]) for row in messages] == [(2, "welcome", FIVE)]


async def test_everybody_of_the_group_is_told_and_those_without_a_number_are_visible(world: World) -> None:
    timeline = Timeline(world, await world.tenant(REMINDERS | {"audience": "group"}))
    mother = {"id": "c-1", "name": "엄마", "phone": "010-9000-4000"}
    father = {"id": "c-2", "name": "아빠", "phone": "010-9000-4001"}
    await world.group(timeline.tenant, "guardians", mother, father, {"id": "c-3", "name": "할머니"})
    await world.group(timeline.tenant, "neighbours", {"id": "c-9", "name": "이웃", "phone": "010-9000-4009"})
    await timeline.tell("appointment.scheduled", starts_at=FIVE, customer=mother)
    await timeline.at(FIVE - 30 * MINUTE)
    told = {row["customer"]: (row["status"], row["reason"]) for row in world.messages(timeline.tenant)}
    assert told == {"c-1": ("queued", None), "c-2": ("queued", None), "c-3": ("failed", "missing_phone")}


async def test_a_tick_that_comes_far_too_late_makes_messages_that_expire(timeline: Timeline) -> None:
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    await timeline.at(FIVE + 60 * MINUTE)
    claimed = await timeline.world.claim_waiting(timeline.tenant)
    assert len(claimed) == 1
    assert timeline.world.statuses(timeline.tenant) == [
        ("expired", "too_late"),
        ("expired", "too_late"),
        ("sending", None),
    ]


async def test_valid_for_says_how_long_a_step_is_worth_telling(world: World) -> None:
    timeline = Timeline(world, await world.tenant(REMINDERS | {"valid_for": "10m"}))
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    await timeline.at(FIVE - 30 * MINUTE)
    world.clock.moment = FIVE - 20 * MINUTE
    assert len(await world.claim_waiting(timeline.tenant)) == 1
    await timeline.at(FIVE - 10 * MINUTE)
    world.clock.moment = FIVE + dt.timedelta(seconds=1)
    assert await world.claim_waiting(timeline.tenant) == []
    assert world.statuses(timeline.tenant)[1] == ("expired", "too_late")


@pytest.mark.parametrize("what", ["appointment.rescheduled", "appointment.cancelled"])
async def test_a_message_whose_run_changed_before_it_was_claimed_is_cancelled(timeline: Timeline, what: str) -> None:
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    await timeline.at(FIVE - 30 * MINUTE)
    await timeline.tell(what, starts_at=FIVE + 60 * MINUTE)
    assert await timeline.world.claim_waiting(timeline.tenant) == []
    assert timeline.world.statuses(timeline.tenant) == [("cancelled", "run_changed")]


async def test_a_message_is_claimed_although_its_run_heard_something_that_moves_nothing(timeline: Timeline) -> None:
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    await timeline.at(FIVE - 30 * MINUTE)
    await timeline.tell("pickup.confirmed")
    await timeline.tell("appointment.rescheduled", starts_at=FIVE)
    assert len(await timeline.world.claim_waiting(timeline.tenant)) == 1


async def test_a_move_and_a_tick_at_once_never_leave_an_old_reminder_to_be_sent(timeline: Timeline) -> None:
    for number in range(10):
        await timeline.tell("appointment.scheduled", starts_at=FIVE, appointment_id=f"a-{number}")
    timeline.world.clock.moment = FIVE - 30 * MINUTE
    await asyncio.gather(
        timeline.ticker.speak_due(),
        *(
            timeline.tell("appointment.rescheduled", starts_at=FIVE + 60 * MINUTE, appointment_id=f"a-{number}")
            for number in range(10)
        ),
    )
    assert await timeline.world.claim_waiting(timeline.tenant) == []
    assert set(timeline.world.statuses(timeline.tenant)) <= {("cancelled", "run_changed")}
    assert timeline.waiting() == sorted([FIVE + 30 * MINUTE, FIVE + 50 * MINUTE, FIVE + 65 * MINUTE] * 10)


async def test_steps_relative_to_the_event_itself_need_no_anchor(world: World) -> None:
    steps = [{"send": "welcome"}, {"at": "3d", "send": "welcome"}]
    timeline = Timeline(world, await world.tenant({"name": "onboarding", "on": "subscription.signup", "steps": steps}))
    await timeline.tell("subscription.signup")
    assert timeline.spoken() == [NOON]
    await timeline.at(NOON + dt.timedelta(days=3))
    assert timeline.spoken() == [NOON, NOON + dt.timedelta(days=3)]
    assert len(await world.claim_waiting(timeline.tenant)) == 1, "the welcome expired an hour after the signup"


async def test_a_message_that_waits_is_not_sent_once_what_it_asks_for_has_happened(timeline: Timeline) -> None:
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    await timeline.at(FIVE - 30 * MINUTE)
    await timeline.at(FIVE - 10 * MINUTE)
    await timeline.tell("pickup.confirmed")
    assert len(await timeline.world.claim_waiting(timeline.tenant)) == 1  # the first step is silent after nothing
    assert timeline.world.statuses(timeline.tenant) == [("sending", None), ("cancelled", "no_longer_needed")]


async def test_a_confirmation_from_before_the_run_began_anew_silences_nothing(timeline: Timeline) -> None:
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    await timeline.tell("pickup.confirmed")
    timeline.world.clock.moment += MINUTE
    await timeline.tell("appointment.cancelled")
    timeline.world.clock.moment += MINUTE
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    await timeline.at(FIVE - 10 * MINUTE)
    assert len(await timeline.world.claim_waiting(timeline.tenant)) == 2


@pytest.mark.parametrize("claimed", [False, True], ids=["while it waits", "once it was called off"])
async def test_a_run_that_moves_there_and_back_speaks_once(timeline: Timeline, claimed: bool) -> None:
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    await timeline.at(FIVE - 30 * MINUTE)
    await timeline.tell("appointment.rescheduled", starts_at=FIVE + 60 * MINUTE)
    if claimed:
        assert await timeline.world.claim_waiting(timeline.tenant) == []
    timeline.world.clock.moment += MINUTE / 60
    await timeline.tell("appointment.rescheduled", starts_at=FIVE, time=FIVE - 30 * MINUTE)
    await timeline.ticker.speak_due()
    assert len(await timeline.world.claim_waiting(timeline.tenant)) == 1
    assert sorted(timeline.world.statuses(timeline.tenant)) == [("cancelled", "run_changed"), ("sending", None)]
    assert [due_at for due_at in timeline.spoken() if due_at != FIVE - 30 * MINUTE] == []


async def test_a_message_that_has_left_is_not_made_again_when_its_run_comes_back(timeline: Timeline) -> None:
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    await timeline.at(FIVE - 30 * MINUTE)
    assert len(await timeline.world.claim_waiting(timeline.tenant)) == 1
    for starts_at in (FIVE + 60 * MINUTE, FIVE):
        await timeline.tell("appointment.rescheduled", starts_at=starts_at, time=FIVE - 30 * MINUTE)
    await timeline.ticker.speak_due()
    assert timeline.world.statuses(timeline.tenant) == [("sending", None)]

"""Workflows in time, on Postgres, with a clock that the test moves."""

import asyncio
import datetime as dt
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from shared.platform.pubsub import SEND_REQUESTS
from shared.workflows.definition import WorkflowDefinition
from shared.workflows.events.intake import EventIntake
from shared.workflows.store import save_workflow
from shared.workflows.ticks.ticking import Ticker
from tests.clock import NOON, DrivenClock, SettableClock
from tests.world import World, event

MINUTE = dt.timedelta(minutes=1)
FIVE = NOON + 5 * 60 * MINUTE
"""17:00 in Seoul."""

REMINDERS: dict[str, Any] = {
    "name": "pickup",
    "on": "appointment.scheduled",
    "key": "data.appointment_id",
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


class Timeline:
    """One tenant's appointment, and what is told of it."""

    def __init__(self, world: World, tenant: str) -> None:
        self.world = world
        self.tenant = tenant
        self.intake = EventIntake(world.as_role("allim_events"), world.publisher, world.clock)
        self.ticker = self.another_ticker()
        self._events = 0

    def another_ticker(self) -> Ticker:
        return Ticker(self.world.as_role("allim_ticker"), self.world.publisher, self.world.clock, [])

    async def tell(self, kind: str, *, starts_at: dt.datetime | None = None, **parts: Any) -> None:
        """Something happens now to appointment a-1, unless `time` and `appointment_id` say otherwise."""
        self._events += 1
        if starts_at is not None:
            parts["starts_at"] = starts_at.isoformat()
        parts = {"time": self.world.clock.now(), "appointment_id": "a-1", **parts}
        await self.intake.receive(event(self.tenant, f"e-{self._events}", kind, **parts))

    async def at(self, moment: dt.datetime) -> None:
        """Let the time come, and what is due speak."""
        self.world.clock.moment = moment
        await self.ticker.speak_due()

    def spoken(self) -> list[dt.datetime]:
        """The moments for which there is a message, whatever became of it."""
        return [row["due_at"] for row in self.world.messages(self.tenant)]

    def tickets(self) -> list[dict[str, Any]]:
        """What was published for sending."""
        published = self.world.publisher.published
        return [body for topic, body in published if topic == SEND_REQUESTS and body["tenant"] == self.tenant]

    def waiting(self) -> list[dt.datetime]:
        timers = self.world.rows("select due_at from timers where tenant = %s order by due_at", self.tenant)
        return [row["due_at"] for row in timers]


@pytest.fixture
async def world(shared_world: World) -> World:
    shared_world.clock.moment = NOON
    shared_world.publisher.published.clear()
    return shared_world


@pytest.fixture
async def timeline(world: World) -> Timeline:
    return Timeline(world, await world.tenant(REMINDERS))


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
        assert await save_workflow(connection, timeline.tenant, changed, now=timeline.world.clock.now()) == 2


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


async def test_two_tickers_at_once_let_each_step_speak_once(timeline: Timeline) -> None:
    for number in range(40):
        await timeline.tell("appointment.scheduled", starts_at=FIVE, appointment_id=f"a-{number}")
    timeline.world.clock.moment = FIVE + 5 * MINUTE
    tickers = [timeline.another_ticker() for _ in range(3)]
    await asyncio.gather(*(ticker.speak_due() for ticker in tickers for _ in range(2)))
    assert timeline.waiting() == []
    assert len(timeline.spoken()) == 120
    published = [id_ for ticket in timeline.tickets() for id_ in ticket["messages"]]
    assert len(published) == len(set(published)) == 120


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


async def test_a_tick_does_not_spin_while_another_holds_what_is_due(timeline: Timeline) -> None:
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    timeline.world.clock.moment = FIVE
    naps: list[float] = []

    class Counting(SettableClock):
        async def sleep(self, seconds: float) -> None:
            naps.append(seconds)
            await super().sleep(seconds or 1)

    clock = Counting()
    clock.moment = FIVE
    async with timeline.world.owner.transaction() as connection:
        await connection.execute("select 1 from timers for update")
        await Ticker(timeline.world.as_role("allim_ticker"), timeline.world.publisher, clock, []).hold(MINUTE / 60)
    assert timeline.spoken() == []
    assert min(naps) > 0
    await timeline.at(FIVE)
    assert len(timeline.spoken()) == 2


async def _hold(
    timeline: Timeline, clock: DrivenClock, sweeps: Sequence[Callable[[], Awaitable[object]]], stay: dt.timedelta
) -> None:
    """Hold a tick whose loops share `clock`."""

    class Leaving(Ticker):
        async def _speak_until(self, leave_at: dt.datetime) -> None:
            await super()._speak_until(leave_at)
            clock.leave()

        async def _sweep_until(self, leave_at: dt.datetime, sweep: Callable[[], Awaitable[object]]) -> None:
            await super()._sweep_until(leave_at, sweep)
            clock.leave()

    await Leaving(timeline.world.as_role("allim_ticker"), timeline.world.publisher, clock, sweeps).hold(stay)


async def test_a_held_tick_speaks_each_step_at_its_second_and_leaves_when_its_time_is_over(timeline: Timeline) -> None:
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    clock = DrivenClock(sharers=2)
    clock.moment = FIVE - 31 * MINUTE
    leaves_at = clock.moment + 2 * MINUTE
    swept: list[dt.datetime] = []

    async def sweep() -> None:
        swept.append(clock.now())

    await _hold(timeline, clock, [sweep], 2 * MINUTE)
    [message] = timeline.world.messages(timeline.tenant)
    assert message["due_at"] == message["created_at"] == FIVE - 30 * MINUTE
    assert leaves_at <= clock.now() <= leaves_at + dt.timedelta(seconds=2)
    assert swept == [FIVE - 31 * MINUTE + number * dt.timedelta(seconds=2) for number in range(60)]


async def test_steps_relative_to_the_event_itself_need_no_anchor(world: World) -> None:
    steps = [{"send": "welcome"}, {"at": "3d", "send": "welcome"}]
    timeline = Timeline(world, await world.tenant({"name": "onboarding", "on": "subscription.signup", "steps": steps}))
    await timeline.tell("subscription.signup")
    assert timeline.spoken() == [NOON]
    await timeline.at(NOON + dt.timedelta(days=3))
    assert timeline.spoken() == [NOON, NOON + dt.timedelta(days=3)]
    assert len(await world.claim_waiting(timeline.tenant)) == 1, "the welcome expired an hour after the signup"


async def test_steps_of_a_tenant_whose_template_cannot_be_read_wait_and_the_others_leave(world: World) -> None:
    broken, sound = Timeline(world, await world.tenant(REMINDERS)), Timeline(world, await world.tenant(REMINDERS))
    for timeline in (broken, sound):
        await timeline.tell("appointment.scheduled", starts_at=FIVE)
    await _activate(world, broken.tenant, 2, {"written_by": "another release"})
    world.clock.moment = FIVE - 30 * MINUTE
    await broken.ticker.hold(MINUTE / 60)
    assert (broken.spoken(), sound.spoken()) == ([], [FIVE - 30 * MINUTE])
    assert broken.waiting()[0] == FIVE - 30 * MINUTE
    await _activate(world, broken.tenant, 1)
    world.clock.moment += 2 * MINUTE
    await broken.ticker.hold(MINUTE / 60)
    assert broken.spoken() == [FIVE - 30 * MINUTE]


async def _activate(world: World, tenant: str, version: int, content: dict[str, Any] | None = None) -> None:
    """Make `version` of the reminder's template the active one; with `content`, as another release stored it."""
    async with world.owner.transaction() as connection:
        if content is not None:
            await connection.execute(
                "insert into template_versions (tenant, name, version, content, approval) "
                "values (%s, 'reminder', %s, %s, 'approved')",
                [tenant, version, json.dumps(content)],
            )
        await connection.execute(
            "update templates set active_version = %s where tenant = %s and name = 'reminder'", [version, tenant]
        )


async def test_a_sweep_that_fails_stops_no_reminder_and_no_other_sweep(timeline: Timeline) -> None:
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    clock = DrivenClock(sharers=3)
    clock.moment = FIVE - 31 * MINUTE
    failed, swept = [], []

    async def failing() -> None:
        failed.append(clock.now())
        raise ValueError("the provider answered nonsense")

    async def other() -> None:
        swept.append(clock.now())

    await _hold(timeline, clock, [failing, other], 2 * MINUTE)
    assert timeline.spoken() == [FIVE - 30 * MINUTE]
    assert (len(failed), len(swept)) == (12, 60)

"""A tick, held for as long as it lasts: several at once, beside what fails, and beside a broken tenant."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

import pytest

from shared.messages import outbox
from shared.platform.loops.rounds import Loop
from shared.platform.pubsub import BULK_SEND_REQUESTS, SEND_REQUESTS
from shared.workflows.ticks import ticking
from shared.workflows.ticks.ticking import Ticker
from tests.clock import DrivenClock, SettableClock
from tests.platform.loops.driven import LeavingRounds
from tests.workflows.timeline import FIVE, MINUTE, REMINDERS, Timeline
from tests.world import World

TWO_SECONDS = dt.timedelta(seconds=2)


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


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of tickers that are made from now on."""
    monkeypatch.setattr(ticking, "TIMERS_A_BATCH", 4)
    monkeypatch.setattr(ticking, "TIMERS_A_SHARE", 2)


async def _crowd(timeline: Timeline, number: int, starts_at: dt.datetime) -> None:
    for one in range(number):
        await timeline.tell("appointment.scheduled", starts_at=starts_at, appointment_id=f"a-{one}")


@pytest.mark.usefixtures("small_batches")
async def test_a_reminder_waits_for_one_share_of_a_crowd_and_not_for_all_of_it(timeline: Timeline) -> None:
    other = Timeline(timeline.world, await timeline.world.tenant(REMINDERS))
    await _crowd(timeline, 20, FIVE)
    await other.tell("appointment.scheduled", starts_at=FIVE + MINUTE)
    timeline.world.clock.moment = FIVE + MINUTE
    ticker = timeline.another_ticker()
    spoke = [await ticker.speak_due() for _ in range(2)]
    assert (spoke, len(other.spoken()), len(timeline.spoken())) == ([2, 4], 2, 4)
    while await ticker.speak_due():
        pass
    assert len(timeline.spoken()) == 40


@pytest.mark.usefixtures("small_batches")
async def test_of_many_crowds_each_waits_for_one_share_of_each_other(timeline: Timeline) -> None:
    """Also where none of them fills half of a batch, as a thousand tenants at the full hour."""
    crowds = [timeline, *[Timeline(timeline.world, await timeline.world.tenant(REMINDERS)) for _ in range(3)]]
    for crowd in crowds:
        await _crowd(crowd, 6, FIVE)
    last = Timeline(timeline.world, await timeline.world.tenant(REMINDERS))
    await last.tell("appointment.scheduled", starts_at=FIVE + MINUTE)
    timeline.world.clock.moment = FIVE + MINUTE
    ticker, batches = timeline.another_ticker(), 0
    while not last.spoken():
        assert await ticker.speak_due()
        batches += 1
    assert batches <= 1 + len(crowds) / 2
    while await ticker.speak_due():
        pass
    assert [len(crowd.spoken()) for crowd in crowds] == [12] * 4


@pytest.mark.usefixtures("small_batches")
async def test_who_becomes_due_beside_a_crowd_is_next(timeline: Timeline) -> None:
    other = Timeline(timeline.world, await timeline.world.tenant(REMINDERS))
    await _crowd(timeline, 20, FIVE)
    timeline.world.clock.moment = FIVE
    ticker = timeline.another_ticker()
    assert [await ticker.speak_due() for _ in range(3)] == [2, 4, 4]
    await other.tell("appointment.scheduled", starts_at=FIVE + 11 * MINUTE)
    timeline.world.clock.moment = FIVE + MINUTE
    assert await ticker.speak_due() == 3
    assert (len(other.spoken()), len(timeline.spoken())) == (1, 12)
    while await ticker.speak_due():
        pass
    assert len(timeline.spoken()) == 40


@pytest.mark.usefixtures("small_batches")
async def test_a_crowd_speaks_in_one_tick_several_batches_at_once_and_each_step_once(timeline: Timeline) -> None:
    """Two ticks that overlap, each with batches of its own at once, and another tenant in the midst."""
    other = Timeline(timeline.world, await timeline.world.tenant(REMINDERS))
    await _crowd(timeline, 20, FIVE)
    await other.tell("appointment.scheduled", starts_at=FIVE)
    timeline.world.clock.moment = FIVE - 10 * MINUTE
    clock = SettableClock(timeline.world.clock.moment)

    def ticker() -> Ticker:
        return Ticker(timeline.world.as_role("allim_ticker"), timeline.world.publisher, clock)

    await asyncio.gather(*(each.hold(ticking.SHORTEST_NAP) for each in (ticker(), ticker())))
    assert (len(timeline.spoken()), len(other.spoken())) == (40, 2)
    published = [id_ for ticket in [*timeline.tickets(), *other.tickets()] for id_ in ticket["messages"]]
    assert len(published) == len(set(published)) == 42


@pytest.mark.usefixtures("small_batches")
async def test_the_one_whose_run_cannot_speak_is_found_among_crowds(world: World) -> None:
    crowds = [Timeline(world, await world.tenant(REMINDERS)) for _ in range(3)]
    for crowd in crowds:
        await _crowd(crowd, 6, FIVE)
    broken = crowds[0]
    world.rows("update runs set version = 99 where tenant = %s", broken.tenant)
    world.clock.moment = FIVE
    await broken.another_ticker().hold(MINUTE)
    assert [len(crowd.spoken()) for crowd in crowds] == [0, 12, 12]
    world.rows("update runs set version = 1 where tenant = %s", broken.tenant)
    await broken.another_ticker().hold(MINUTE)
    assert len(broken.spoken()) == 12


async def test_a_crowd_of_reminders_stands_before_nobody_elses(
    timeline: Timeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the same second: whoever sends single messages meets none of the crowd's tickets."""
    monkeypatch.setattr(outbox, "CROWD", 8)
    other = Timeline(timeline.world, await timeline.world.tenant(REMINDERS))
    for number in range(10):
        await timeline.tell("appointment.scheduled", starts_at=FIVE, appointment_id=f"a-{number}")
    await other.tell("appointment.scheduled", starts_at=FIVE)
    await timeline.at(FIVE - 30 * MINUTE)
    by_topic = {
        topic: [
            (body["tenant"], len(body["messages"]))
            for each, body in timeline.world.publisher.published
            if each == topic
        ]
        for topic in (SEND_REQUESTS, BULK_SEND_REQUESTS)
    }
    assert by_topic == {SEND_REQUESTS: [(other.tenant, 1)], BULK_SEND_REQUESTS: [(timeline.tenant, 10)]}
    both = [other.tenant, timeline.tenant]
    rows = timeline.world.rows("select tenant, topic from outbox where tenant = any(%s)", both)
    assert {row["tenant"]: row["topic"] for row in rows} == {
        other.tenant: SEND_REQUESTS,
        timeline.tenant: BULK_SEND_REQUESTS,
    }, "and so they go when they are published again"


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
        await Ticker(timeline.world.as_role("allim_ticker"), timeline.world.publisher, clock).hold(MINUTE / 60)
    assert timeline.spoken() == []
    assert min(naps) > 0
    await timeline.at(FIVE)
    assert len(timeline.spoken()) == 2


async def _hold(timeline: Timeline, clock: DrivenClock, beside: Sequence[Loop], stay: dt.timedelta) -> None:
    """Hold a tick whose loops share `clock`."""

    class Leaving(Ticker):
        async def _speak_until(self, leave_at: dt.datetime) -> None:
            await super()._speak_until(leave_at)
            clock.leave()

    ticker = timeline.world.as_role("allim_ticker")
    await Leaving(ticker, timeline.world.publisher, clock, LeavingRounds(beside, clock)).hold(stay)


async def test_a_held_tick_speaks_each_step_at_its_second_and_leaves_when_its_time_is_over(timeline: Timeline) -> None:
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    clock = DrivenClock(sharers=2)
    clock.moment = FIVE - 31 * MINUTE
    leaves_at = clock.moment + 2 * MINUTE
    swept: list[dt.datetime] = []

    async def sweep() -> None:
        swept.append(clock.now())

    await _hold(timeline, clock, [Loop("swept", sweep, TWO_SECONDS, MINUTE)], 2 * MINUTE)
    [message] = timeline.world.messages(timeline.tenant)
    assert message["due_at"] == message["created_at"] == FIVE - 30 * MINUTE
    assert leaves_at <= clock.now() <= leaves_at + dt.timedelta(seconds=2)
    assert swept == [FIVE - 31 * MINUTE + number * dt.timedelta(seconds=2) for number in range(60)]


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


@pytest.mark.parametrize(
    "poison",
    [
        pytest.param("version = 99", id="of a version that is not there"),
        pytest.param("""data = '{"starts_at": 5}'""", id="whose words can't be read"),
    ],
)
async def test_a_run_that_cannot_speak_keeps_no_other_tenants_waiting(world: World, poison: str) -> None:
    """Nobody says because of which row it is: it is found among many tenants, and in the same batch."""
    crowd = [Timeline(world, await world.tenant(REMINDERS)) for _ in range(7)]
    for timeline in crowd:
        await timeline.tell("appointment.scheduled", starts_at=FIVE)
    broken, *sound = crowd
    world.rows(f"update runs set {poison} where tenant = %s", broken.tenant)  # noqa: S608 - one of those above
    world.clock.moment = FIVE - 30 * MINUTE
    await broken.ticker.hold(MINUTE / 60)
    assert [timeline.spoken() for timeline in sound] == [[FIVE - 30 * MINUTE]] * 6
    assert broken.waiting()[0] == FIVE - 30 * MINUTE
    world.rows("update runs set version = 1, data = '{}' where tenant = %s", broken.tenant)
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


async def test_what_fails_beside_it_stops_no_reminder(timeline: Timeline) -> None:
    await timeline.tell("appointment.scheduled", starts_at=FIVE)
    clock = DrivenClock(sharers=3)
    clock.moment = FIVE - 31 * MINUTE
    swept = []

    async def failing() -> None:
        raise ValueError("the provider answered nonsense")

    async def other() -> None:
        swept.append(clock.now())

    beside = [Loop("failing", failing, TWO_SECONDS, MINUTE), Loop("other", other, TWO_SECONDS, MINUTE)]
    await _hold(timeline, clock, beside, 2 * MINUTE)
    assert (timeline.spoken(), len(swept)) == ([FIVE - 30 * MINUTE], 60)


async def test_a_tick_whose_connections_are_cut_goes_on_and_each_step_speaks_once(timeline: Timeline) -> None:
    """Cut at each second of two minutes: whatever was under way, the next pass takes it up."""
    for number in range(5):
        await timeline.tell("appointment.scheduled", starts_at=FIVE, appointment_id=f"a-{number}")
    clock = DrivenClock(sharers=2)
    clock.moment = FIVE - 31 * MINUTE

    async def cut() -> None:
        timeline.world.rows("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'allim_ticker'")

    await _hold(timeline, clock, [Loop("cut", cut, TWO_SECONDS / 2, MINUTE)], 2 * MINUTE)
    assert timeline.spoken() == [FIVE - 30 * MINUTE] * 5


async def test_a_tick_that_could_do_nothing_says_so_when_its_time_is_over(timeline: Timeline) -> None:
    class Broken(Ticker):
        async def speak_due(self, only: Sequence[str] | None = None) -> int:
            raise ConnectionError("the database is away")

    clock = SettableClock(FIVE)
    with pytest.raises(ExceptionGroup) as raised:
        await Broken(timeline.world.as_role("allim_ticker"), timeline.world.publisher, clock).hold(MINUTE)
    assert raised.group_contains(ConnectionError)
    assert clock.now() >= FIVE + MINUTE

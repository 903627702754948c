"""Events that come together: in one batch, in two intakes at once, about the same runs and customers."""

import asyncio
import datetime as dt
from typing import Any

import pytest

from shared.contracts.events import SubscriptionEvent
from shared.messages.dispatch.sweep_store import decide_tickets_again
from shared.messages.outbox import LONGEST_PATIENCE, PATIENCE
from shared.platform.signals.dead_letters import Poison
from shared.workflows.events.intake import CROWD_OF_EVENTS, EventIntake
from tests.clock import NOON
from tests.world import PATIENCE_SECONDS, World, event

MINUTE = dt.timedelta(minutes=1)
REMINDER: dict[str, Any] = {
    "name": "pickup",
    "on": "appointment.scheduled",
    "key": "data.appointment_id",
    "anchor": "data.starts_at",
    "steps": [{"at": "0", "send": "reminder"}],
    "move_on": "appointment.rescheduled",
    "stop_on": "appointment.cancelled",
}


def an_intake(world: World) -> EventIntake:
    return EventIntake(world.as_role("allim_events"), world.publisher, world.clock)


def appointment(tenant: str, id_: str, kind: str, minute: int, **parts: Any) -> SubscriptionEvent:
    """An event of appointment a-1 (or another), at that many minutes before noon."""
    data = {"appointment_id": "a-1", "starts_at": (NOON + 60 * MINUTE).isoformat()} | parts
    return event(tenant, id_, f"appointment.{kind}", time=NOON - minute * MINUTE, **data)


def timers(world: World, tenant: str) -> list[tuple[str, dt.datetime]]:
    rows = world.rows("select key, due_at from timers where tenant = %s order by key, due_at", tenant)
    return [(row["key"], row["due_at"]) for row in rows]


async def test_two_events_of_one_run_in_one_batch_are_taken_one_after_the_other(world: World) -> None:
    tenant = await world.tenant(REMINDER)
    later = (NOON + 90 * MINUTE).isoformat()
    batch = [
        appointment(tenant, "e-1", "scheduled", 9),
        appointment(tenant, "e-2", "rescheduled", 8, starts_at=later),
        appointment(tenant, "e-3", "scheduled", 7, appointment_id="a-2"),
        appointment(tenant, "e-4", "cancelled", 6, appointment_id="a-2"),
    ]
    assert await an_intake(world).take(batch) == [None] * 4
    assert timers(world, tenant) == [("a-1", NOON + 90 * MINUTE)]
    runs = world.rows("select key, revision, stopped_as_of from runs where tenant = %s order by key", tenant)
    assert [(row["key"], row["revision"], row["stopped_as_of"] is None) for row in runs] == [
        ("a-1", 2, True),
        ("a-2", 2, False),
    ]


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1]])
async def test_a_run_comes_to_the_same_end_however_its_events_are_spread_over_batches_and_intakes(
    world: World, order: list[int]
) -> None:
    tenant = await world.tenant(REMINDER)
    story = [
        appointment(tenant, "e-1", "scheduled", 9),
        appointment(tenant, "e-2", "cancelled", 8),
        appointment(tenant, "e-3", "scheduled", 7, starts_at=(NOON + 30 * MINUTE).isoformat()),
    ]
    intakes = [an_intake(world), an_intake(world)]
    await asyncio.gather(*(intakes[place % 2].receive(story[number]) for place, number in enumerate(order * 2)))
    assert timers(world, tenant) == [("a-1", NOON + 30 * MINUTE)]


async def test_an_event_that_two_intakes_get_at_once_speaks_once(world: World) -> None:
    tenant = await world.tenant()
    intakes = [an_intake(world) for _ in range(3)]
    await asyncio.gather(*(intake.receive(event(tenant, f"e-{number}")) for number in range(20) for intake in intakes))
    assert len(world.messages(tenant)) == 20
    published = [id_ for _, ticket in world.publisher.published for id_ in ticket["messages"]]
    assert len(published) == len(set(published)) == 20


def codes(refusals: list[Poison | None]) -> list[str | None]:
    return [refusal.code if refusal else None for refusal in refusals]


async def test_of_one_id_in_one_batch_the_first_counts_and_other_contents_are_refused(world: World) -> None:
    tenant = await world.tenant()
    batch = [event(tenant, "e-1", time=NOON - number * MINUTE) for number in (0, 1, 0, 2)]
    taken = await an_intake(world).take([*batch, event(tenant, "e-2")])
    assert codes(taken) == [None, "conflicting_event", None, "conflicting_event", None]
    assert [row["due_at"] for row in world.messages(tenant)] == [NOON, NOON]


async def test_two_intakes_with_other_contents_at_once_take_one_and_refuse_the_other(world: World) -> None:
    tenant = await world.tenant()
    intakes = [an_intake(world) for _ in range(2)]
    told = [[event(tenant, f"e-{n}", customer={"id": f"{who}-{n}"}) for n in range(20)] for who in ("a", "b")]
    taken = await asyncio.gather(
        *(intake.take([each]) for intake, events in zip(intakes, told, strict=True) for each in events)
    )
    refused = codes([refusal for [refusal] in taken])
    assert all({refused[number], refused[number + 20]} == {None, "conflicting_event"} for number in range(20))
    assert len(world.messages(tenant)) == 20


async def test_what_comes_under_the_id_of_an_event_from_before_fingerprints_is_taken_for_the_same(world: World) -> None:
    tenant = await world.tenant()
    await an_intake(world).take([event(tenant)])
    world.rows("update events set fingerprint = null where tenant = %s", tenant)
    others = [event(tenant, n=number) for number in range(2)]
    assert codes(await an_intake(world).take(others)) == [None, None]
    assert codes(await an_intake(world).take(others)) == [None, None]
    assert len(world.messages(tenant)) == 1


async def test_batches_that_share_customers_and_runs_do_not_wait_for_each_other_in_a_circle(world: World) -> None:
    tenant = await world.tenant(REMINDER)
    batches = [
        [
            appointment(
                tenant,
                f"e-{batch}-{number}",
                "rescheduled" if batch else "scheduled",
                30 - batch,
                appointment_id=f"a-{number}",
                customer={"id": f"c-{number}"},
                starts_at=(NOON + (60 + batch) * MINUTE).isoformat(),
            )
            for number in (range(30) if batch % 2 else reversed(range(30)))
        ]
        for batch in range(6)
    ]
    intakes = [an_intake(world) for _ in range(3)]
    await asyncio.gather(*(intakes[number % 3].take(batch) for number, batch in enumerate(batches)))
    assert timers(world, tenant) == sorted((f"a-{number}", NOON + 65 * MINUTE) for number in range(30))


async def test_the_newest_word_on_a_customer_stays_whichever_comes_last(world: World) -> None:
    tenant = await world.tenant()
    named = [
        event(tenant, f"e-{minute}", time=NOON - minute * MINUTE, customer={"name": f"이름{minute}"})
        for minute in (3, 1, 2)
    ]
    await an_intake(world).take(named[:2])
    await an_intake(world).take(named[2:])
    [customer] = world.rows("select name, as_of from customers where tenant = %s", tenant)
    assert customer == {"name": "이름1", "as_of": NOON - MINUTE}


async def test_a_crowd_of_events_that_waits_for_a_lock_holds_up_nobody_elses(world: World) -> None:
    crowd, other = await world.tenant(), await world.tenant()
    intake = an_intake(world)
    await intake.receive(event(crowd, "e-known"))

    def some(wave: int, count: int) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(intake.receive(event(crowd, f"e-{wave}-{number}"))) for number in range(count)]

    async with world.owner.transaction() as connection:
        await connection.execute("select from customers where tenant = %s for update", [crowd])
        waiting = some(1, CROWD_OF_EVENTS)
        await world.lock_waiters(1)
        waiting += some(2, CROWD_OF_EVENTS)
        await world.lock_waiters(2)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await intake.receive(event(other))
        assert len(world.messages(other)) == 1
    await asyncio.gather(*waiting)
    assert len(world.messages(crowd)) == 1 + 2 * CROWD_OF_EVENTS


async def test_an_unknown_tenant_in_a_batch_is_told_apart(world: World) -> None:
    tenant = await world.tenant()
    taken = await an_intake(world).take([event(tenant, "e-1"), event("nobody", "e-1"), event(tenant, "e-2")])
    assert [poison and poison.code for poison in taken] == [None, "unknown_tenant", None]
    assert len(world.messages(tenant)) == 2


async def test_an_anchor_that_is_no_moment_is_a_dead_letter_and_the_rest_of_the_batch_goes_on(world: World) -> None:
    tenant = await world.tenant(REMINDER)
    bad = [
        appointment(tenant, f"bad-{number}", "scheduled", 5, appointment_id=f"b-{number}", starts_at=starts_at)
        for number, starts_at in enumerate(["soon", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", None, 7])
    ]
    good = appointment(tenant, "good", "scheduled", 5)
    await an_intake(world).take([*bad, good, *bad])
    assert timers(world, tenant) == [("a-1", NOON + 60 * MINUTE)]
    assert [reason for reason, _ in world.dead_letters(tenant)] == ["bad_anchor"] * len(bad)


async def test_names_as_long_as_they_may_be_are_taken(world: World) -> None:
    tenant = await world.tenant(
        REMINDER | {"name": "w" * 100},
        {"name": "other", "on": "appointment.scheduled", "steps": [{"at": "1d", "send": "reminder"}]},
    )
    longest = appointment(
        tenant, "𝒳" * 200, "scheduled", 5, appointment_id="𝒴" * 10_000, customer={"id": "𝒵" * 200}
    ).model_copy(update={"source": "𝒲" * 200})
    assert await an_intake(world).take([longest]) == [None]
    assert len(timers(world, tenant)) == 2


async def test_an_event_whose_clock_runs_ahead_speaks_at_its_own_time(world: World) -> None:
    tenant = await world.tenant()
    await an_intake(world).receive(event(tenant, time=NOON + 5 * MINUTE))
    assert world.messages(tenant) == []
    [timer] = world.rows(
        "select t.due_at from timers t join runs using (tenant, workflow, key) where tenant = %s", tenant
    )
    assert timer["due_at"] == NOON + 5 * MINUTE
    with pytest.raises(Poison, match="future_time"):
        await an_intake(world).receive(event(tenant, "e-2", time=NOON + 61 * MINUTE))


async def test_a_ticket_that_nobody_consumed_is_published_again_ever_more_patiently(world: World) -> None:
    tenant = await world.tenant()
    await an_intake(world).receive(event(tenant))

    async def taken_at(moment: dt.datetime) -> int:
        async with world.as_role("allim_ticker").connection() as connection:
            tickets = await decide_tickets_again(
                connection, now=moment, patience=PATIENCE, longest=LONGEST_PATIENCE, limit=500
            )
        return sum(ticket.body["tenant"] == tenant for ticket in tickets)

    second = dt.timedelta(seconds=1)
    assert await taken_at(NOON + PATIENCE - second) == 0
    assert sum(await asyncio.gather(taken_at(NOON + PATIENCE), taken_at(NOON + PATIENCE))) == 1
    assert await taken_at(NOON + 2 * PATIENCE - second) == 0
    assert await taken_at(NOON + 2 * PATIENCE) == 1
    assert await taken_at(NOON + 4 * PATIENCE - second) == 0
    assert await taken_at(NOON + 4 * PATIENCE) == 1
    assert len(await world.claim_waiting(tenant)) == 1
    assert await taken_at(NOON + dt.timedelta(days=1)) == 0


def bare(tenant: str, id_: str, kind: str = "subscription.signup", **told: Any) -> SubscriptionEvent:
    """An event that tells of its customer nothing but these fields."""
    untold = dict.fromkeys(("name", "phone"), ...)
    return event(tenant, id_, kind, customer={**untold, **told})


async def test_what_an_event_does_not_say_of_its_customer_is_taken_from_what_is_known(world: World) -> None:
    tenant = await world.tenant()
    intake = an_intake(world)
    await intake.receive(event(tenant, "e-1", customer={"attributes": {"동": "101", "층": 3}, "plan": "pro"}))
    await intake.receive(bare(tenant, "e-2", attributes={"층": 4, "동": None}))
    assert [row["recipient"] for row in world.messages(tenant)] == ["01090004000"] * 2
    [known] = world.rows("select * from customers where tenant = %s", tenant)
    assert (known["name"], known["phone"], known["plan"], known["attributes"]) == (
        "홍길동",
        "010-9000-4000",
        "pro",
        {"층": 4},
    )


async def test_an_explicit_null_clears(world: World) -> None:
    tenant = await world.tenant()
    await an_intake(world).take([event(tenant, "e-1"), bare(tenant, "e-2", phone=None, locale=None, attributes=None)])
    assert sorted(world.statuses(tenant)) == [("failed", "missing_phone"), ("queued", None)]
    [known] = world.rows("select phone, locale, attributes from customers where tenant = %s", tenant)
    assert known == {"phone": None, "locale": "ko", "attributes": {}}


async def test_an_event_knows_what_earlier_ones_of_its_batch_told(world: World) -> None:
    tenant = await world.tenant()
    batch = [bare(tenant, "e-1"), event(tenant, "e-2", time=NOON - MINUTE)]
    assert await an_intake(world).take(batch) == [None, None]
    assert world.statuses(tenant) == [("queued", None)] * 2


async def test_conditions_go_by_what_is_known_where_the_event_does_not_say(world: World) -> None:
    only_pro = {"name": "pro", "on": "used", "where": {"customer.plan": ["pro"]}, "steps": [{"send": "welcome"}]}
    tenant = await world.tenant(only_pro)
    told = [event(tenant, "e-1", "other", customer={"plan": "pro"}), bare(tenant, "e-2", "used")]
    await an_intake(world).take([*told, bare(tenant, "e-3", "used", plan="free")])
    assert len(world.messages(tenant)) == 1


async def test_a_new_customers_first_two_events_at_once_know_of_each_other(world: World) -> None:
    tenant = await world.tenant()
    pairs = [(event(tenant, f"a-{n}", customer={"id": f"c-{n}"}), n) for n in range(20)]
    told = [bare(tenant, f"b-{n}", id=f"c-{n}") for _, n in pairs]
    await asyncio.gather(*(an_intake(world).take([one]) for one in [each for each, _ in pairs]))
    await asyncio.gather(*(an_intake(world).take([one]) for one in told))
    assert {status for status, _ in world.statuses(tenant)} == {"queued"}


async def test_a_clock_that_is_ahead_outdoes_nothing_that_is_told_later(world: World) -> None:
    tenant = await world.tenant()
    intake = an_intake(world)
    ahead = world.clock.now() + dt.timedelta(minutes=50)
    await intake.receive(event(tenant, "e-1", time=ahead, customer={"plan": "pro"}))
    world.clock.advance(60)
    await intake.receive(event(tenant, "e-2", time=world.clock.now(), customer={"plan": "basic"}))
    assert [row["plan"] for row in world.rows("select plan from customers where tenant = %s", tenant)] == ["basic"]

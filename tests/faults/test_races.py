"""Several processes at the same messages at the same time."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from shared.messages.dispatch.dispatching import LEASE
from tests.faults.boundaries import Hook
from tests.faults.fates import DELIVERED, NOT_ON_KAKAO, assert_each_has_its_fate, queue_one_of_each
from tests.faults.world import FaultyWorld, Process

IN_A_TRANSACTION = ("lock_states", "record_reports_and_decide_charges", "commit")
"""Whoever is held here holds locks as well: others wait for them, and can't overtake."""


class Hold:
    """Holds a process at a boundary until it is let go."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.let_go = asyncio.Event()

    def at(self, place: str) -> Hook:
        async def hook(boundary: str) -> None:
            if boundary == place and not self.reached.is_set():
                await self._here()

        return hook

    def before(self, number: int) -> Hook:
        """At the boundary of that number, counted from 0, among those outside of transactions."""
        passed = itertools.count()

        async def hook(boundary: str) -> None:
            outside = boundary.startswith("before") and not boundary.endswith(IN_A_TRANSACTION)
            if outside and next(passed) == number:
                await self._here()

        return hook

    async def _here(self) -> None:
        self.reached.set()
        await self.let_go.wait()


async def held(hold: Hold, work: asyncio.Task[None]) -> bool:
    """Wait until a process is held, or is through with its work. Gives which it was."""
    reached = asyncio.create_task(hold.reached.wait())
    await asyncio.wait([reached, work], return_when=asyncio.FIRST_COMPLETED)
    reached.cancel()
    return hold.reached.is_set()


async def test_a_ticket_delivered_three_times_to_one_process_sends_once(world: FaultyWorld) -> None:
    sent = await queue_one_of_each(world)
    world.bus.messages *= 3
    process = world.process()
    assert await world.live(process)
    await assert_each_has_its_fate(world, sent)


async def test_a_ticket_that_three_processes_claim_at_once_sends_once(world: FaultyWorld) -> None:
    sent = await queue_one_of_each(world)
    [(topic, ticket)] = world.bus.messages
    world.bus.messages.clear()
    processes = [world.process() for _ in range(3)]
    async with world.owner.transaction() as connection:
        # All three have begun their claim before any of them can end it.
        await connection.execute("select from messages for update")
        work = [asyncio.create_task(world.handle(process, topic, ticket)) for process in processes]
        await world.lock_waiters(3)
    await asyncio.gather(*work)
    assert await world.live(processes[0])
    await assert_each_has_its_fate(world, sent)
    assert len([row for row in world.table("dispatches") if len(row["messages"]) == len(sent)]) == 1


async def test_tickets_that_share_messages_send_them_once(world: FaultyWorld) -> None:
    first, second = world.process(), world.process()
    sent = await queue_one_of_each(world)
    world.bus.messages *= 2
    await asyncio.gather(world.deliver(first), world.deliver(second))
    assert await world.live(first)
    await assert_each_has_its_fate(world, sent)


async def test_a_process_that_was_overtaken_at_any_moment_does_no_harm_when_it_goes_on(world: FaultyWorld) -> None:
    """It hangs at one of its boundaries until its lease is over; another one mends what it finds; then it goes on."""
    for number in itertools.count():
        await world.start_over()
        sent = await queue_one_of_each(world)
        hold = Hold()
        slow, quick = world.process(hold.before(number)), world.process()
        slow_work = asyncio.create_task(world.deliver(slow))
        was_held = await held(hold, slow_work)
        world.clock.advance(LEASE.total_seconds() + 1)
        assert await world.live(quick)
        hold.let_go.set()
        await slow_work
        assert await world.live(quick)
        await assert_each_has_its_fate(world, sent)
        if not was_held:
            break


@pytest.mark.parametrize(
    "place", ["before GET /messages/v4/groups/{group}", "before DELETE /messages/v4/groups/{group}"]
)
@pytest.mark.parametrize("end", ["prepared", "sent"])
async def test_two_sweepers_settle_one_dispatch_once(world: FaultyWorld, place: str, end: str) -> None:
    """A sweeper whose lease ran out goes on as well: it finds the batch sent or taken back."""
    [message] = await world.queue(DELIVERED)
    boundary = "after mark_prepared" if end == "prepared" else "after POST /messages/v4/groups/{group}/send"
    hold, first_hold = Hold(), Hold()
    dying = world.process(first_hold.at(boundary))
    dying_work = asyncio.create_task(world.deliver(dying))
    await first_hold.reached.wait()
    world.clock.advance(LEASE.total_seconds() + 1)
    slow = world.process(hold.at(place))
    slow_work = asyncio.create_task(slow.sweep())
    await held(hold, slow_work)
    world.clock.advance(LEASE.total_seconds() + 1)
    assert await world.live(world.process())
    hold.let_go.set()
    await slow_work
    first_hold.let_go.set()
    await dying_work
    assert await world.live(world.process())
    assert world.accepted()[message] == ["ATA"]
    assert (world.message(message))["status"] == "delivered"


async def test_a_batch_that_was_handed_over_at_the_last_moment_is_not_given_up(world: FaultyWorld) -> None:
    """A sweeper saw it as not handed over yet, and is slower than the process that it took for dead."""
    [message] = await world.queue(DELIVERED)
    handing_over, giving_up = Hold(), Hold()
    slow = world.process(handing_over.at("before mark_prepared"))
    slow_work = asyncio.create_task(world.deliver(slow))
    await handing_over.reached.wait()
    world.clock.advance(LEASE.total_seconds() + 1)
    sweeper = world.process(giving_up.at("before decide_retries"))
    sweeper_work = asyncio.create_task(sweeper.sweep())
    await giving_up.reached.wait()
    handing_over.let_go.set()
    await slow_work
    giving_up.let_go.set()
    await sweeper_work
    assert await world.live(world.process())
    assert world.accepted()[message] == ["ATA"]
    assert [row["state"] for row in world.table("dispatches")] == ["closed"]


@pytest.mark.parametrize(("to", "types"), [(DELIVERED, ["ATA"]), (NOT_ON_KAKAO, ["ATA", "SMS"])])
async def test_a_report_may_be_faster_than_the_record_of_sending(world: FaultyWorld, to: str, types: list[str]) -> None:
    hold = Hold()
    [message] = await world.queue(to)
    slow = world.process(hold.at("before mark_sent"))
    slow_work = asyncio.create_task(world.deliver(slow))
    await hold.reached.wait()
    await world.reports_brought()
    await world.deliver(world.process())
    before = world.message(message)
    hold.let_go.set()
    await slow_work
    after = world.message(message)
    assert world.accepted()[message] == types
    assert (before["status"], after["status"]) == ("delivered", "delivered")
    assert before["channel"] == after["channel"]
    assert before["provider_message_id"] == after["provider_message_id"]


async def test_a_late_record_of_sending_says_nothing_of_the_next_channel(world: FaultyWorld) -> None:
    recording, sending = Hold(), Hold()
    [message] = await world.queue(NOT_ON_KAKAO)
    slow = world.process(recording.at("before mark_sent"))
    slow_work = asyncio.create_task(world.deliver(slow))
    await recording.reached.wait()
    await world.reports_brought()
    other = world.process(sending.at("before POST /messages/v4/groups/{group}/send"))
    other_work = asyncio.create_task(world.deliver(other))
    await sending.reached.wait()
    recording.let_go.set()
    await slow_work
    row = world.message(message)
    sending.let_go.set()
    await other_work
    assert (row["status"], row["channel"]) == ("sending", "sms")
    assert world.accepted()[message] == ["ATA", "SMS"]


async def test_a_process_is_left_alone_until_its_lease_is_over(world: FaultyWorld) -> None:
    hold = Hold()
    [message] = await world.queue(DELIVERED)
    slow = world.process(hold.at("before POST /messages/v4/groups/{group}/send"))
    slow_work = asyncio.create_task(world.deliver(slow))
    await hold.reached.wait()
    world.clock.advance(LEASE.total_seconds() - 1)
    await world.process().sweep()
    [dispatch] = world.table("dispatches")
    hold.let_go.set()
    await slow_work
    assert dispatch["state"] == "prepared"
    assert world.accepted()[message] == ["ATA"]
    assert (world.message(message))["tries"] == 1


async def test_sending_recorded_twice_is_recorded_once(world: FaultyWorld) -> None:
    hold = Hold()
    [message] = await world.queue(DELIVERED)
    world.simulator.set_faults(report_drop_rate=1)
    slow = world.process(hold.at("before mark_sent"))
    slow_work = asyncio.create_task(world.deliver(slow))
    await hold.reached.wait()
    world.clock.advance(LEASE.total_seconds() + 1)
    other: Process = world.process()
    await other.sweeper.decide()
    recorded = world.message(message)
    hold.let_go.set()
    await slow_work
    assert (recorded["status"], (world.message(message))["status"]) == ("sent", "sent")
    assert [row["state"] for row in world.table("dispatches")] == ["sent"]

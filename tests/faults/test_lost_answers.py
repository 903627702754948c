"""Requests and answers that are lost between us and the provider."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest

from shared.messages.dispatch.dispatching import MAX_TRIES
from tests.faults.boundaries import Hook
from tests.faults.fates import DELIVERED, assert_each_has_its_fate, queue_one_of_each
from tests.faults.world import Crash, FaultyWorld

CALLS = {
    "create": "POST .*/groups$",
    "fill": "PUT .*/messages$",
    "send": "POST .*/send$",
    "look up": "GET .*/messages$",
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("fault", ["drop_before", "accept_then_drop"])
async def test_a_connection_lost_at_any_call_neither_loses_nor_doubles_a_message(
    world: FaultyWorld, fault: str, call: str
) -> None:
    world.simulator.set_faults(report_drop_rate=1, **{fault: {"count": 1, "on": CALLS[call]}})
    sent = await queue_one_of_each(world)
    assert await world.live(world.process())
    await assert_each_has_its_fate(world, sent)


@pytest.mark.parametrize("fault", ["drop_before", "accept_then_drop"])
@pytest.mark.parametrize("unanswered", range(1, 8))
async def test_a_send_and_so_many_questions_about_it_may_be_lost(
    world: FaultyWorld, fault: str, unanswered: int
) -> None:
    world.simulator.set_faults(**{fault: {"count": 1 + unanswered, "on": "(POST .*/send|GET .*/groups/[^/]+)$"}})
    [message] = await world.queue(DELIVERED)
    assert await world.live(world.process())
    assert world.accepted()[message] == ["ATA"]
    assert (world.message(message))["status"] == "delivered"


@pytest.mark.parametrize("fault", ["drop_before", "accept_then_drop"])
async def test_taking_a_batch_back_may_be_lost(world: FaultyWorld, fault: str) -> None:
    world.simulator.set_faults(**{fault: {"count": 1, "on": "DELETE"}})
    [message] = await world.queue(DELIVERED)
    assert not await world.live(world.process(ending_before_send))
    assert await world.live(world.process())
    assert world.accepted()[message] == ["ATA"]
    assert [row["state"] for row in world.table("dispatches")] == ["abandoned", "closed"]


async def ending_before_send(boundary: str) -> None:
    if boundary.startswith("before POST") and boundary.endswith("/send"):
        raise Crash(boundary)


def back_after(world: FaultyWorld, calls: int) -> Hook:
    """A hook that ends the provider's outage when it has been called so often."""
    left = [calls]

    async def hook(boundary: str) -> None:
        if boundary.startswith("before POST /messages/v4/groups"):
            left[0] -= 1
            if left[0] < 0:
                world.simulator.set_faults()

    return hook


@pytest.mark.parametrize("calls", [0, 1, MAX_TRIES - 1])
async def test_messages_outlive_an_outage_that_ends_before_their_last_try(world: FaultyWorld, calls: int) -> None:
    world.simulator.set_faults(outage=True)
    sent = await queue_one_of_each(world)
    assert await world.live(world.process(back_after(world, calls)))
    await assert_each_has_its_fate(world, sent)


async def test_messages_outlive_an_outage_of_an_hour(world: FaultyWorld) -> None:
    began = world.clock.now()

    async def back_after_an_hour(boundary: str) -> None:
        if world.clock.now() - began > dt.timedelta(hours=1):
            world.simulator.set_faults()

    world.simulator.set_faults(outage=True)
    sent = await queue_one_of_each(world)
    assert await world.live(world.process(back_after_an_hour))
    await assert_each_has_its_fate(world, sent)


async def test_an_outage_without_end_fails_messages_after_the_last_try_with_the_reason(world: FaultyWorld) -> None:
    world.simulator.set_faults(outage=True)
    [message] = await world.queue(DELIVERED)
    process = world.process()
    assert await world.live(process)
    row = world.message(message)
    assert (row["status"], row["reason"], row["tries"]) == ("failed", "provider_unavailable", MAX_TRIES)
    assert "503" in row["detail"]
    assert process.boundaries.count("before POST /messages/v4/groups") == MAX_TRIES
    assert world.accepted() == {}


async def test_an_outage_that_begins_while_a_batch_waits_ends_in_one_message(world: FaultyWorld) -> None:
    sends = itertools.count()

    async def outage_at_first_send(boundary: str) -> None:
        if boundary == "before POST /messages/v4/groups/{group}/send" and next(sends) == 0:
            world.simulator.set_faults(outage=True)
        if boundary == "before decide_leases":
            world.simulator.set_faults()

    [message] = await world.queue(DELIVERED)
    assert await world.live(world.process(outage_at_first_send))
    assert world.accepted()[message] == ["ATA"]
    assert (world.message(message))["status"] == "delivered"


async def test_a_batch_that_can_not_be_paid_for_is_taken_back_and_fails_in_the_end(world: FaultyWorld) -> None:
    world.simulator.set_balance(world.provider_account, 0)
    [message] = await world.queue(DELIVERED)
    assert await world.live(world.process())
    world.simulator.set_balance(world.provider_account, 1_000_000)
    assert await world.live(world.process())
    row = world.message(message)
    assert (row["status"], row["reason"]) == ("failed", "provider_unavailable")
    assert world.accepted() == {}


async def test_messages_of_an_account_that_is_not_let_in_leave_once_its_key_is_mended(world: FaultyWorld) -> None:
    began = world.clock.now()
    await world.open_account(api_secret="mistyped")

    async def mended_after_an_hour(boundary: str) -> None:
        if boundary.startswith("before decide_claims") and world.clock.now() - began > dt.timedelta(hours=1):
            await world.open_account()

    sent = await queue_one_of_each(world)
    assert await world.live(world.process(mended_after_an_hour))
    await assert_each_has_its_fate(world, sent)

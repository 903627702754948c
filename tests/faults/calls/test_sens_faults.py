"""Naver Cloud's SENS from a ticket to its report, where nothing of ours travels and nobody calls us."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from shared.providers import ProviderAccount
from shared.tenants.accounts import register_account
from tests.faults.calls.test_nhn_faults import LONG, TEMPLATES, ending_after, queue
from tests.faults.fates import BAD_NUMBER, DELIVERED, REFUSED
from tests.faults.world import FaultyWorld
from tests.world import KEYS

SEND = "POST .*/messages$"
ROUNDS = 60


@pytest.fixture
async def service(world: FaultyWorld) -> AsyncIterator[ProviderAccount]:
    """An account of a new tenant."""
    account = world.simulator.add_service(await world.tenant(templates=TEMPLATES, account=False))
    async with world.owner.transaction() as connection:
        await register_account(connection, KEYS, account, now=world.clock.now())
    yield account
    world.simulator.set_faults()


def accepted(world: FaultyWorld) -> list[tuple[str, str]]:
    """Recipient and type of what the provider really took."""
    return sorted((each["to"], each["type"]) for each in world.simulator.accepted())


def end(world: FaultyWorld, message: UUID) -> tuple[str, str | None]:
    row = world.message(message)
    return row["status"], row["reason"]


async def test_each_message_comes_to_its_fate_by_being_asked_for(world: FaultyWorld, service: ProviderAccount) -> None:
    sent = await queue(world, service.tenant, DELIVERED, BAD_NUMBER, REFUSED, "01090005000", of_01090005000=LONG)
    assert await world.live(world.process(), ROUNDS)
    assert [end(world, message) for message in sent] == [
        ("delivered", None),
        ("failed", "3003"),
        ("failed", "400"),
        ("delivered", None),
    ]
    assert accepted(world) == [(BAD_NUMBER, "SMS"), (DELIVERED, "SMS"), ("01090005000", "LMS")]


FAULTS: dict[str, dict[str, Any]] = {
    "connection lost before": {"drop_before": {"count": 1, "on": SEND}},
    "answer lost after acceptance": {"accept_then_drop": {"count": 1, "on": SEND}},
    "and the first look-ups too": {"accept_then_drop": {"count": 4, "on": "/messages"}},
    "asked for a pause": {"too_many": {"count": 2, "on": SEND}},
    "lists that are late": {"accept_then_drop": {"count": 1, "on": SEND}, "list_delay_ms": 100_000},
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_whatever_goes_wrong_each_message_is_sent_once(
    world: FaultyWorld, service: ProviderAccount, fault: str
) -> None:
    world.simulator.set_faults_of("sens", **FAULTS[fault])
    sent = await queue(world, service.tenant, DELIVERED, BAD_NUMBER)
    assert await world.live(world.process(), ROUNDS)
    assert accepted(world) == [(BAD_NUMBER, "SMS"), (DELIVERED, "SMS")]
    assert [end(world, message) for message in sent] == [("delivered", None), ("failed", "3003")]


async def test_two_alike_to_one_number_go_by_two_calls_and_both_arrive(
    world: FaultyWorld, service: ProviderAccount
) -> None:
    first, second = await queue(world, service.tenant, DELIVERED), await queue(world, service.tenant, DELIVERED)
    assert await world.live(world.process(), ROUNDS)
    assert accepted(world) == [(DELIVERED, "SMS")] * 2
    assert {end(world, message) for message in (*first, *second)} == {("delivered", None)}
    batches = [row["provider_batch_id"] for row in world.table("dispatches")]
    assert len(set(batches)) == 2


async def test_of_two_alike_of_which_one_answer_is_lost_the_other_is_not_taken_for_it(
    world: FaultyWorld, service: ProviderAccount
) -> None:
    await queue(world, service.tenant, DELIVERED)
    process = world.process()
    await world.deliver(process)
    world.simulator.set_faults_of("sens", accept_then_drop={"count": 1, "on": SEND})
    [lost] = await queue(world, service.tenant, DELIVERED)
    await world.deliver(process)
    world.clock.advance(61)
    await process.run(process.sweeper.decide())
    assert end(world, lost) == ("unknown", "answer_lost")
    assert accepted(world) == [(DELIVERED, "SMS")] * 2


async def test_a_crash_at_any_moment_neither_loses_nor_doubles_a_message(
    world: FaultyWorld, service: ProviderAccount
) -> None:
    for number in itertools.count():
        await world.start_over()
        world.clock.advance(3_600)  # what an earlier round has sent looks alike, and is long ago
        sent = await queue(world, service.tenant, DELIVERED, BAD_NUMBER)
        lived = await world.live(world.process(ending_after(number)), ROUNDS)
        assert await world.live(world.process(), ROUNDS)
        assert accepted(world) == [(BAD_NUMBER, "SMS"), (DELIVERED, "SMS")], number
        assert [end(world, message) for message in sent] == [("delivered", None), ("failed", "3003")], number
        if lived:
            break

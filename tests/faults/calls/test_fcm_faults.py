"""Firebase Cloud Messaging from a ticket to its end: what is sent twice is shown once, under a message's own key."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from shared.providers import ProviderAccount
from shared.tenants.accounts import register_account
from tests.faults.calls.test_nhn_faults import ending_after
from tests.faults.world import FaultyWorld
from tests.providers.simulated import device
from tests.world import KEYS

PUSHED = "pushed"
TEMPLATES = {PUSHED: {"push": {"title": "수업", "text": "곧 시작됩니다."}}}
SEND = "messages:send"
ROUNDS = 60
ONE, TWO, GONE, PARTLY, STRANGE = (f"0109000500{number}" for number in range(5))
DEVICES: dict[str, tuple[str, ...]] = {
    ONE: (device(),),
    TWO: (device(), device()),
    GONE: (device("UNREGISTERED"),),
    PARTLY: (device("UNREGISTERED"), device()),
    STRANGE: (device("SENDER_ID_MISMATCH"),),
}
"""Of customers, who are called by their numbers."""


@pytest.fixture
async def project(world: FaultyWorld) -> AsyncIterator[ProviderAccount]:
    """An account of a new tenant, whose customers have devices."""
    account = world.simulator.add_project(await world.tenant(templates=TEMPLATES, account=False))
    async with world.owner.transaction() as connection:
        await register_account(connection, KEYS, account, now=world.clock.now())
    yield account
    world.simulator.set_faults()


async def queue(world: FaultyWorld, tenant: str, *customers: str) -> list[UUID]:
    sent = await world.queue(*customers, route="push", templates=dict.fromkeys(customers, PUSHED), tenant=tenant)
    for customer in customers:
        give_devices(world, tenant, customer)
    return sent


def give_devices(world: FaultyWorld, tenant: str, customer: str) -> None:
    """A customer has just those of `DEVICES` from now on."""
    world.rows("delete from customer_devices where tenant = %s and customer = %s", tenant, customer)
    added = "insert into customer_devices (tenant, customer, token, added_at) values (%s, %s, %s, %s)"
    for token in DEVICES[customer]:
        world.rows(added, tenant, customer, token, world.clock.now())


def shown(world: FaultyWorld) -> list[tuple[str, str]]:
    """Device and key of what is shown: of several under one key the device shows one."""
    return sorted({(each["to"], each["shownAs"]) for each in world.simulator.accepted()})


def to_be_shown(*sent: tuple[str, UUID]) -> list[tuple[str, str]]:
    sound = [(token, message.hex) for customer, message in sent for token in DEVICES[customer]]
    return sorted((token, key) for token, key in sound if token.endswith("A"))


def refused(world: FaultyWorld, message: UUID) -> str | None:
    """The code by which it was; None where it was taken, of which nobody tells more."""
    row = world.message(message)
    return None if row["status"] == "delivered" or row["reason"] == "no_report" else row["reason"]


async def test_each_message_comes_to_the_end_of_its_devices(world: FaultyWorld, project: ProviderAccount) -> None:
    customers = (ONE, TWO, GONE, PARTLY, STRANGE)
    sent = await queue(world, project.tenant, *customers)
    assert await world.live(world.process(), ROUNDS)
    ends = [refused(world, message) for message in sent]
    assert ends == [None, None, "UNREGISTERED", None, "SENDER_ID_MISMATCH"]
    assert shown(world) == to_be_shown(*zip(customers, sent, strict=True))
    assert len(world.simulator.accepted()) == 4
    assert "다른 Firebase 프로젝트" in world.message(sent[4])["detail"]


FAULTS: dict[str, dict[str, Any]] = {
    "connection lost before": {"drop_before": {"count": 1, "on": SEND}},
    "answer lost after acceptance": {"accept_then_drop": {"count": 1, "on": SEND}},
    "all answers lost": {"accept_then_drop": {"count": 3, "on": SEND}},
    "asked for a pause": {"too_many": {"count": 2, "on": SEND}},
    "asked for a pause of its own": {"too_many": {"count": 2, "on": SEND}, "retry_after": 30},
    "no token": {"drop_before": {"count": 2, "on": "POST /token"}},
    "the token's answer lost": {"accept_then_drop": {"count": 2, "on": "POST /token"}},
    "errors": {"error_rate": 0.3},
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_whatever_goes_wrong_each_message_is_shown_once_on_a_device(
    world: FaultyWorld, project: ProviderAccount, fault: str
) -> None:
    world.simulator.set_faults_of("fcm", **FAULTS[fault])
    sent = await queue(world, project.tenant, ONE, TWO)
    assert await world.live(world.process(), ROUNDS)
    # What one device has is not sent again for the other.
    assert {key for _, key in shown(world)} == {message.hex for message in sent}
    assert set(shown(world)) <= set(to_be_shown((ONE, sent[0]), (TWO, sent[1])))
    assert [refused(world, message) for message in sent] == [None, None]


async def test_what_was_taken_before_a_lost_answer_is_kept(world: FaultyWorld, project: ProviderAccount) -> None:
    sent = await queue(world, project.tenant, ONE, TWO)
    world.simulator.set_faults_of("fcm", accept_then_drop={"count": 1, "on": SEND})
    process = world.process()
    await world.deliver(process)
    assert sorted(world.message(message)["status"] for message in sent) in (
        ["delivered", "queued"],
        ["delivered", "delivered"],
    )
    assert await world.live(process, ROUNDS)
    assert {key for _, key in shown(world)} == {message.hex for message in sent}
    assert len(world.simulator.accepted()) <= 4


async def test_of_a_call_that_is_taken_in_part_the_rest_waits_for_the_pause_that_was_asked_for(
    world: FaultyWorld, project: ProviderAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DEVICES, STRANGE, (device("QUOTA_EXCEEDED"),))
    first, asked, last = await queue(world, project.tenant, ONE, STRANGE, TWO)
    process = world.process()
    await world.deliver(process)
    assert [world.message(message)["status"] for message in (first, asked, last)] == [
        "delivered",
        "queued",
        "delivered",
    ]
    assert world.message(asked)["tries"] == 0
    monkeypatch.setitem(DEVICES, STRANGE, (device(),))
    give_devices(world, project.tenant, STRANGE)
    assert await world.live(process, ROUNDS)
    assert len(world.simulator.accepted()) == 4
    assert [refused(world, message) for message in (first, asked, last)] == [None, None, None]


async def test_an_outage_of_firebase_is_no_others(world: FaultyWorld, project: ProviderAccount) -> None:
    world.simulator.set_faults_of("fcm", outage=True)
    [ours] = await queue(world, project.tenant, ONE)
    await world.deliver(world.process())
    assert world.message(ours)["status"] == "queued"
    world.simulator.set_faults_of("fcm")
    assert await world.live(world.process(), ROUNDS)
    assert shown(world) == to_be_shown((ONE, ours))


async def test_a_crash_at_any_moment_neither_loses_a_message_nor_shows_it_twice(
    world: FaultyWorld, project: ProviderAccount
) -> None:
    customers = (ONE, PARTLY, GONE)
    for number in itertools.count():
        await world.start_over()
        sent = await queue(world, project.tenant, *customers)
        lived = await world.live(world.process(ending_after(number)), ROUNDS)
        assert await world.live(world.process(), ROUNDS)
        assert shown(world) == to_be_shown(*zip(customers, sent, strict=True)), number
        assert [refused(world, message) for message in sent] == [None, None, "UNREGISTERED"], number
        if lived:
            break

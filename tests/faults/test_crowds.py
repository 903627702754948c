"""Crowds beside others: whose messages the provider gets first, and what a provider's pause holds back."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import replace
from itertools import count
from uuid import UUID

import pytest

from shared.contracts.tickets import SendTicket
from shared.messages.dispatch import sending
from shared.messages.dispatch.dispatching import RETRY_DELAY
from shared.messages.dispatch.sending import CROWD_OF_SINGLES
from shared.platform.pubsub import BULK_SEND_REQUESTS, SEND_REQUESTS
from shared.tenants.accounts import register_account
from shared.tenants.pacing import RateError, limit_rate
from tests.faults.world import TEMPLATES, TENANT, FaultyWorld, Process
from tests.world import KEYS, PATIENCE_SECONDS

OTHER = "cafe"
SECOND = dt.timedelta(seconds=1)


@pytest.fixture
async def world(world: FaultyWorld) -> FaultyWorld:
    """The one of this folder, with a second tenant that sends by the same account at the provider."""
    if not world.rows("select 1 from tenants where id = %s", OTHER):
        await world.tenant(id_=OTHER, templates=TEMPLATES, credit=1_000_000_000, account=False)
        async with world.owner.transaction() as connection:
            account = replace(world.provider_account, tenant=OTHER)
            await register_account(connection, KEYS, account, now=world.clock.now())
    async with world.owner.transaction() as connection:
        await limit_rate(connection, OTHER, world.provider_account.id, None, None)
    return world


async def _crowd(world: FaultyWorld, tenant: str, first: int, tickets: int, each: int = 2) -> list[str]:
    """A crowd's tickets; gives its recipients, ticket by ticket."""
    recipients = [f"010{first:04d}{5_000 + number}" for number in range(tickets * each)]
    for at in range(0, len(recipients), each):
        world.clock.advance(0.001)
        await world.queue(*recipients[at : at + each], tenant=tenant, topic=BULK_SEND_REQUESTS)
    return recipients


async def _take(world: FaultyWorld, process: Process, topic: str) -> None:
    """Hand a process the tickets of one topic, one after the other, as a function of few instances gets them."""
    taken = [message for message in world.bus.messages if message[0] == topic]
    world.bus.messages = [message for message in world.bus.messages if message[0] != topic]
    for _, data in taken:
        for result in await process.run(world.handle(process, topic, data)):
            assert result is None


def _accepted(world: FaultyWorld) -> list[str]:
    return [message["to"] for message in world.simulator.accepted()]


async def test_forty_tickets_of_a_neighbour_go_before_no_single_message(world: FaultyWorld) -> None:
    """They were all there before it; the function that takes single messages meets none of them."""
    crowd = await _crowd(world, TENANT, first=1, tickets=40)
    await world.queue("01000025000", tenant=OTHER)
    process = world.process()
    await _take(world, process, SEND_REQUESTS)
    assert _accepted(world) == ["01000025000"]
    await _take(world, process, BULK_SEND_REQUESTS)
    assert sorted(_accepted(world)[1:]) == sorted(crowd)
    assert await world.live(process)


async def test_two_crowds_go_in_turn_whoever_was_first(world: FaultyWorld) -> None:
    ours = await _crowd(world, TENANT, first=1, tickets=8)
    theirs = await _crowd(world, OTHER, first=2, tickets=3)
    process = world.process()
    await _take(world, process, BULK_SEND_REQUESTS)
    order = [recipient in theirs for recipient in _accepted(world)]
    assert order[::2] == [False, True] * 3 + [False] * 5 or order[::2] == [True, False] * 3 + [False] * 5
    assert sorted(_accepted(world)) == sorted([*ours, *theirs]), "each of them once"
    assert world.rows("select 1 from outbox") == []


async def test_a_ticket_of_a_crowd_that_was_lost_is_published_again_by_its_topic(world: FaultyWorld) -> None:
    await _crowd(world, TENANT, first=1, tickets=1)
    world.bus.messages.clear()
    process = world.process()
    world.clock.advance(11)
    await process.run(process.reissue())
    assert [topic for topic, _ in world.bus.messages] == [BULK_SEND_REQUESTS]
    assert await world.live(process)
    assert len(_accepted(world)) == 2


async def test_what_could_not_leave_comes_back_by_the_topic_by_which_it_came(world: FaultyWorld) -> None:
    await _crowd(world, TENANT, first=1, tickets=1)
    world.simulator.set_faults(error_rate=1)
    process = world.process()
    await _take(world, process, BULK_SEND_REQUESTS)
    [row] = world.rows("select topic, held_until - %s as pause from outbox", world.clock.now())
    assert row["topic"] == BULK_SEND_REQUESTS
    assert row["pause"] == RETRY_DELAY
    world.simulator.set_faults()
    assert await world.live(process)
    assert len(_accepted(world)) == 2


async def test_a_pause_that_a_provider_asks_for_holds_back_all_that_leaves_by_its_account(world: FaultyWorld) -> None:
    """Also of another tenant that sends by it: nobody knocks in vain, and no try is counted."""
    for number in range(5):
        await world.queue(f"0100001500{number}", tenant=TENANT if number % 2 else OTHER)
    world.simulator.set_faults(too_many={"count": 1, "on": "POST .*/groups$"}, retry_after=90)
    process = world.process()
    await _take(world, process, SEND_REQUESTS)
    assert _accepted(world) == []
    knocked = [each for each in process.boundaries if each == "before POST /messages/v4/groups"]
    assert len(knocked) == 1
    rows = world.rows("select publish_at from outbox")
    assert {row["publish_at"] for row in rows} == {world.clock.now() + 90 * SECOND}
    assert {row["tries"] for row in world.rows("select tries from messages")} == {0}
    assert await world.live(process)
    assert len(_accepted(world)) == 5


async def test_what_is_beyond_an_accounts_rate_leaves_later_and_in_its_order(world: FaultyWorld) -> None:
    """Of two tenants that send by it, neither leaves before the other has its part."""
    async with world.owner.transaction() as connection:
        assert await limit_rate(connection, OTHER, world.provider_account.id, 1, 4) == sorted([OTHER, TENANT])
    ours = [f"0100001{5_000 + number}" for number in range(8)]
    theirs = [f"0100002{5_000 + number}" for number in range(8)]
    tickets = {TENANT: await world.queue(*ours), OTHER: await world.queue(*theirs, tenant=OTHER)}
    process = world.process()
    await _take(world, process, SEND_REQUESTS)
    assert len(_accepted(world)) == 4, "its burst"
    begun = world.clock.now()
    for _ in range(200):
        if not world.rows("select 1 from outbox"):
            break
        world.clock.advance(1)
        await process.run(process.reissue())
        await _take(world, process, SEND_REQUESTS)
        assert len(_accepted(world)) <= 4 + (world.clock.now() - begun) // SECOND
    for tenant in (TENANT, OTHER):
        left = world.rows("select id from messages where tenant = %s and tries = 1 order by id", tenant)
        assert [row["id"] for row in left] == sorted(tickets[tenant])
    half = _accepted(world)[:10]
    assert 2 <= sum(recipient.startswith("0100001") for recipient in half) <= 8
    assert await world.live(process)


async def test_a_rate_that_is_none_is_refused(world: FaultyWorld) -> None:
    async def refusal(account: str, rate: int, burst: int | None) -> tuple[str, str | None]:
        async with world.owner.transaction() as connection:
            with pytest.raises(RateError) as refused:
                await limit_rate(connection, OTHER, account, rate, burst)
        return refused.value.code, refused.value.field

    own = world.provider_account.id
    assert await refusal(own, 0, None) == ("bad_rate", "per_second")
    assert await refusal(own, 1, 0) == ("bad_burst", "burst")
    assert await refusal("nothing", 1, None) == ("unknown_account", "account")


async def test_a_ticket_that_was_taken_in_anothers_stead_is_not_lost_with_its_instance(world: FaultyWorld) -> None:
    """Whoever takes a ticket out of turn and ends before its claim leaves it to the tick."""
    await _crowd(world, TENANT, first=1, tickets=3)

    async def ends_before_its_claim(boundary: str) -> None:
        if boundary == "before decide_claims":
            raise RuntimeError("ended")

    broken = world.process(ends_before_its_claim)
    [(topic, data), *rest] = world.bus.messages
    world.bus.messages = rest
    await broken.run(broken.bulk_sender.send(SendTicket.model_validate_json(data)))
    held = world.rows("select id from outbox where held_until > %s", world.clock.now())
    assert [type(row["id"]) for row in held] == [UUID]
    assert await world.live(world.process())
    assert len(_accepted(world)) == 6
    assert topic == BULK_SEND_REQUESTS


async def test_an_account_that_does_not_answer_keeps_no_other_tenants_messages_waiting(
    world: FaultyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An instance works on two batches at once, and each has a message of the account that hangs."""
    monkeypatch.setattr(sending, "HELD_UP_FOR", SECOND / 1_000)
    calls, hangs, answers = count(), [asyncio.Event(), asyncio.Event()], asyncio.Event()

    async def hook(boundary: str) -> None:
        if boundary == "before POST /messages/v4/groups" and (call := next(calls)) < len(hangs):
            hangs[call].set()
            await answers.wait()

    process = world.process(hook)
    hanging = []
    for number, hung in enumerate(hangs):
        await world.queue(f"0100001500{number}", tenant=TENANT)
        hanging.append(asyncio.create_task(_take(world, process, SEND_REQUESTS)))
        await hung.wait()
    await world.queue("01000025000", tenant=OTHER)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await _take(world, process, SEND_REQUESTS)
    assert _accepted(world) == ["01000025000"]
    assert not any(task.done() for task in hanging), "who asked is not told that it is done"
    answers.set()
    await asyncio.gather(*hanging)
    assert len(_accepted(world)) == 3
    assert await world.live(process)


async def test_a_tenant_whose_credit_is_locked_keeps_no_other_tenants_messages_waiting(world: FaultyWorld) -> None:
    """As its crowd's reports lock it, and the claims of its crowd."""
    process = world.process()
    waiting = []
    async with world.owner.transaction() as connection:
        await connection.execute("select from credit_accounts where tenant = %s for update", [TENANT])
        for number in range(3):
            await world.queue(f"0100001500{number}", tenant=TENANT)
            waiting.append(asyncio.create_task(_take(world, process, SEND_REQUESTS)))
            await world.lock_waiters(1)
        await world.queue("01000025000", tenant=OTHER)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await _take(world, process, SEND_REQUESTS)
        assert _accepted(world) == ["01000025000"]
    await asyncio.gather(*waiting)
    assert len(_accepted(world)) == 4, "who waited for its credit has not lost its tickets"
    assert await world.live(process)


async def test_who_waits_for_credit_waits_for_no_other_tenants(world: FaultyWorld) -> None:
    """Nor does it keep its own locked until the others' is free."""
    process = world.process()
    first, last = sorted([TENANT, OTHER])
    lock = "select tenant from credit_accounts where tenant = %s for no key update"
    async with world.owner.transaction() as of_last:
        await of_last.execute(lock, [last])
        async with world.owner.transaction() as of_first:
            await of_first.execute(lock, [first])
            await world.queue("01000025000", tenant=first)
            await world.queue("01000015000", tenant=last)
            waiting = asyncio.create_task(_take(world, process, SEND_REQUESTS))
            await world.lock_waiters(1)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while _accepted(world) != ["01000025000"]:  # noqa: ASYNC110 - the simulator tells it in no other way
                await asyncio.sleep(0.001)
        await world.lock_waiters(1)
        assert world.rows(f"{lock} skip locked", first) == [{"tenant": first}], "its credit is free again"
    await waiting
    assert len(_accepted(world)) == 2
    assert await world.live(process)


async def test_what_comes_while_a_provider_answers_is_one_claim(
    world: FaultyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two batches are under way at once. Each is while its provider answers, or every ticket had a claim of its own."""
    monkeypatch.setattr(sending, "HELD_UP_FOR", dt.timedelta(hours=1))
    answers, asked = asyncio.Event(), asyncio.Semaphore(0)

    async def hook(boundary: str) -> None:
        if boundary == "before POST /messages/v4/groups":
            asked.release()
            await answers.wait()

    process = world.process(hook)
    taken = []
    for number in range(CROWD_OF_SINGLES):
        await world.queue(f"0100001500{number}", tenant=TENANT)
        taken.append(asyncio.create_task(_take(world, process, SEND_REQUESTS)))
        if number < 2:
            await asked.acquire()
        else:
            await process.run(process.reissue())  # meanwhile a claim would have begun
    claims = [each for each in process.boundaries if each.startswith("before decide_claims")]
    assert len(claims) == 2
    answers.set()
    await asyncio.gather(*taken)
    claims = [each for each in process.boundaries if each.startswith("before decide_claims")]
    assert len(claims) == 3
    assert len(_accepted(world)) == CROWD_OF_SINGLES


async def test_many_single_messages_of_one_tenant_keep_no_other_tenants_waiting(
    world: FaultyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An instance works on two of its batches at once, and both wait for their provider."""
    monkeypatch.setattr(sending, "HELD_UP_FOR", dt.timedelta(hours=1))
    calls, answers, asked = count(), asyncio.Event(), asyncio.Semaphore(0)

    async def hook(boundary: str) -> None:
        if boundary == "before POST /messages/v4/groups" and next(calls) < 2:
            asked.release()
            await answers.wait()

    process = world.process(hook)
    waiting = []
    for number in range(3):
        await world.queue(*(f"010{number:04d}{5_000 + one}" for one in range(CROWD_OF_SINGLES + 1)), tenant=TENANT)
        waiting.append(asyncio.create_task(_take(world, process, SEND_REQUESTS)))
        if number < 2:
            await asked.acquire()
    await world.queue("01000025000", tenant=OTHER)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await _take(world, process, SEND_REQUESTS)
    assert _accepted(world) == ["01000025000"]
    answers.set()
    await asyncio.gather(*waiting)
    assert len(_accepted(world)) == 3 * (CROWD_OF_SINGLES + 1) + 1

"""Keys are changed while messages leave: each leaves once, and none waits for it or fails by it."""

from __future__ import annotations

import asyncio

import pytest

from shared.operations.keys.rotating import holdings, rotate
from shared.platform.crypto import Keys
from tests.faults import world as faulty
from tests.faults.boundaries import Hook
from tests.faults.fates import DELIVERED, assert_each_has_its_fate, queue_one_of_each
from tests.faults.world import SMS_ONLY, TENANT, FaultyWorld, undisturbed
from tests.world import KEY, KEYS

NEW = bytes(range(50, 82))
BOTH = Keys([NEW, KEY])


def _nothing(_: int) -> None:
    """Nobody watches the progress."""


@pytest.fixture
async def rotated_back(world: FaultyWorld) -> FaultyWorld:
    """The world, in which what was sealed with the new key is sealed with the old one again."""
    await rotate(world.owner, Keys([KEY, NEW]), _nothing)
    return world


async def _keys_of(world: FaultyWorld) -> set[str]:
    """The ids of the keys that accounts are sealed with."""
    held = await holdings(world.owner)
    return {key for key, places in held.items() if places.get("accounts")}


async def test_at_every_step_of_a_send_all_may_be_sealed_anew(
    rotated_back: FaultyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = rotated_back
    monkeypatch.setattr(faulty, "KEYS", BOTH)
    await queue_one_of_each(world)
    watched = world.process()
    assert await world.live(watched)
    steps = list(dict.fromkeys(watched.boundaries))
    for step in steps[:: max(1, len(steps) // 8)]:
        await world.start_over()
        await rotate(world.owner, Keys([KEY, NEW]), _nothing)
        sent = await queue_one_of_each(world)
        done: list[int] = []
        assert await world.live(world.process(_rotating_at(step, world, done)))
        await assert_each_has_its_fate(world, sent)
        assert done, step
        assert await _keys_of(world) == {BOTH.sealing}


def _rotating_at(step: str, world: FaultyWorld, done: list[int]) -> Hook:
    async def hook(boundary: str) -> None:
        if boundary == step and not done:
            done.append(1)
            await rotate(world.owner, BOTH, _nothing)

    return hook


async def test_while_many_tickets_leave_keys_go_to_and_fro(
    rotated_back: FaultyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = rotated_back
    monkeypatch.setattr(faulty, "KEYS", BOTH)
    sent = []
    for number in range(30):
        recipient = f"010{number:04d}4000"
        sent += await world.queue(recipient, route="sms", templates={recipient: SMS_ONLY})

    async def to_and_fro() -> None:
        for keys in (BOTH, Keys([KEY, NEW])) * 3:
            await rotate(world.owner, keys, _nothing)

    processes = [world.process(undisturbed) for _ in range(3)]
    tickets, world.bus.messages = world.bus.messages, []
    await asyncio.gather(
        to_and_fro(),
        *(
            process.run(*(world.handle(process, topic, data) for topic, data in tickets[at::3]))
            for at, process in enumerate(processes)
        ),
    )
    assert await world.live(processes[0])
    accepted = world.accepted()
    assert [accepted[message] for message in sent] == [["SMS"]] * len(sent)
    assert {world.message(message)["status"] for message in sent} == {"delivered"}


async def test_after_a_rotation_who_has_the_new_key_alone_sends(
    rotated_back: FaultyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = rotated_back
    done = await rotate(world.owner, BOTH, _nothing)
    assert not done.unopened
    monkeypatch.setattr(faulty, "KEYS", Keys([NEW]))
    [message] = await world.queue(DELIVERED)
    assert await world.live(world.process())
    assert world.message(message)["status"] == "delivered"
    monkeypatch.setattr(faulty, "KEYS", KEYS)
    [locked_out] = await world.queue(DELIVERED)
    assert await world.live(world.process(), rounds=60)
    row = world.message(locked_out)
    assert (row["tenant"], row["status"], row["reason"]) == (TENANT, "failed", "account_unreadable")

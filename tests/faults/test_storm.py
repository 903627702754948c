"""Everything that can go wrong does, at random and all at once.

The same seed makes the same weather, as far as answers come in the same order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from random import Random
from typing import Any

import httpx
import psycopg
import pytest

from shared.messages.dispatch.dispatching import LEASE
from tests.faults.boundaries import Hook
from tests.faults.fates import FATES, TEMPLATES
from tests.faults.world import Crash, FaultyWorld, Process

STORMS = 60
ROUNDS = 5
PROCESSES = 3
LONGEST_HOLD = 12
"""Turns of the event loop."""


def weather(world: FaultyWorld, random: Random) -> Hook:
    """A hook that ends its process, lets what it does fail, holds it, or lets its lease run out."""

    async def hook(boundary: str) -> None:
        chance = random.random()
        if chance < 0.02:
            raise Crash(boundary)
        if chance < 0.05:
            raise _failure(boundary)
        if chance < 0.07:
            world.clock.advance(LEASE.total_seconds() + 1)
        if chance < 0.3:
            for _ in range(random.randrange(LONGEST_HOLD)):
                await asyncio.sleep(0)

    return hook


def _failure(boundary: str) -> Exception:
    if "/messages/v4/" in boundary:
        return httpx.ReadError("the connection was lost")
    if "publish" in boundary:
        return RuntimeError("Pub/Sub is away")
    return psycopg.OperationalError("the connection was lost")


def provider_faults(random: Random) -> dict[str, Any]:
    return {
        "seed": random.randrange(1_000),
        "error_rate": random.choice([0, 0.1]),
        "drop_before": random.choice([None, {"rate": 0.15}]),
        "accept_then_drop": random.choice([None, {"rate": 0.15}]),
        "report_repeat_rate": random.choice([0, 0.5]),
        "report_reorder": random.choice([True, False]),
        "report_drop_rate": random.choice([0, 0.5, 1]),
    }


async def survive(world: FaultyWorld, random: Random, processes: list[Process]) -> None:
    """A few rounds of bad weather: each process takes what there is or sweeps, all at once."""
    for _ in range(ROUNDS):
        world.bus.messages += random.sample(world.bus.ever_published, min(2, len(world.bus.ever_published)))
        work: list[Coroutine[Any, Any, object]] = [
            world.deliver(process) if random.random() < 0.6 else process.run(process.sweep()) for process in processes
        ]
        await asyncio.gather(*work)
        processes[:] = [world.process(weather(world, random)) if each.ended else each for each in processes]
        world.clock.advance(random.choice([1, 5, 31]))


@pytest.mark.parametrize("first_seed", range(0, STORMS, 20))
async def test_no_storm_loses_or_doubles_a_message(world: FaultyWorld, first_seed: int) -> None:
    for seed in range(first_seed, first_seed + 20):
        random = Random(seed)
        await world.start_over()
        world.simulator.set_faults(**provider_faults(random))
        recipients = random.choices(list(FATES), k=random.randint(1, 6))
        ids = await world.queue(*recipients, templates=TEMPLATES)
        await survive(world, random, [world.process(weather(world, random)) for _ in range(PROCESSES)])
        world.simulator.set_faults()
        assert await world.live(world.process())
        accepted = world.accepted()
        for recipient, id_ in zip(recipients, ids, strict=True):
            row, told, fate = world.message(id_), tuple(accepted[id_]), FATES[recipient]
            where = f"seed {seed}, {recipient}: {told}, {row['status']}, {row['reason']}"
            if row["reason"] == "provider_unavailable":
                assert row["status"] == "failed", where
                assert told == fate.types[: len(told)], where
                assert told != fate.types or not fate.types, where
            else:
                assert told == fate.types, where
                assert fate.is_that_of(row), where

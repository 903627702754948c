"""A business's file is taken in batch by batch, and nothing is held while it is read."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from shared.customers import filing
from shared.customers.filing import Filed, file_all
from shared.customers.store import decide_newest_words
from shared.customers.words import Telling
from shared.platform.database import again
from tests.clock import NOON, Pauses
from tests.faults.boundaries import WatchedDatabase
from tests.world import PATIENCE_SECONDS, World

PEOPLE, BATCH = 12, 5


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filing, "ROWS_A_BATCH", BATCH)
    monkeypatch.setattr(again, "PAUSES", (0.01,))


def _people(name: str = "사람") -> list[dict[str, Any]]:
    return [{"id": f"c-{n:02d}", "name": name} for n in range(PEOPLE)]


async def _hear(world: World, tenant: str, customer: str) -> None:
    async with asyncio.timeout(3), world.owner.transaction() as connection:
        await decide_newest_words(connection, [Telling(tenant, customer, NOON, {"phone": "010-9000-4000"})])


async def test_a_file_that_is_read_slowly_holds_up_nobody(world: World) -> None:
    tenant, reached, go_on = await world.tenant(), threading.Event(), threading.Event()

    def slowly() -> Iterator[dict[str, Any]]:
        for number, person in enumerate(_people()):
            if number == BATCH + 2:
                reached.set()
                assert go_on.wait(PATIENCE_SECONDS)
            yield person

    filing_it = asyncio.create_task(file_all(world.owner, tenant, slowly(), changed_at=NOON, clock=world.clock))
    assert await asyncio.to_thread(reached.wait, PATIENCE_SECONDS)
    for person in _people():
        await _hear(world, tenant, person["id"])
    assert not filing_it.done()
    go_on.set()
    assert (await filing_it).rows == PEOPLE


async def test_who_only_wants_to_know_what_a_file_would_change_waits_for_nobody_and_is_told_the_same(
    world: World,
) -> None:
    tenant = await world.tenant()
    await file_all(world.owner, tenant, _people()[:7], changed_at=NOON, clock=world.clock)
    changed = [*_people("다른 이름")[:2], *_people()[2:]]
    async with world.owner.transaction() as holder:
        await holder.execute("select from customers for update")
        async with asyncio.timeout(3):
            told = await file_all(world.owner, tenant, changed, changed_at=NOON, clock=world.clock, keep=False)
    assert told == Filed(added=5, changed=2, rows=PEOPLE)
    assert world.rows("select count(*) as n from customers") == [{"n": 7}]
    assert await file_all(world.owner, tenant, changed, changed_at=NOON, clock=world.clock) == told


async def test_a_batch_that_meets_what_passes_is_tried_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant, tries = await world.tenant(), 0

    async def crossed(*arguments: Any) -> Any:
        nonlocal tries
        tries += 1
        if tries % 2:
            raise psycopg.errors.DeadlockDetected("two crossed")
        return await decide_newest_words(*arguments)

    monkeypatch.setattr(filing, "decide_newest_words", crossed)
    assert await file_all(world.owner, tenant, _people(), changed_at=NOON, clock=world.clock) == Filed(
        PEOPLE, 0, PEOPLE
    )
    assert tries == 2 * 3


async def test_a_file_of_which_a_batch_was_slow_makes_room_before_the_next_one(world: World) -> None:
    clock, seconds = Pauses(), iter([0.1, 0.4, 0.1])

    async def hook(boundary: str) -> None:
        if boundary == "before commit":
            clock.advance(next(seconds))

    tenant, database = await world.tenant(), WatchedDatabase(world.owner, hook)
    assert (await file_all(database, tenant, _people(), changed_at=NOON, clock=clock)).rows == PEOPLE
    assert clock.slept == pytest.approx([0.3])

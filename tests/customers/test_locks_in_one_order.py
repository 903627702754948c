"""Whoever writes customers locks them in one order, so that two who write the same ones never wait for each other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from shared.customers.filing import file_customers
from shared.customers.store import decide_newest_words, save_customers
from shared.customers.words import Telling
from shared.platform.database import Connection
from tests.clock import NOON
from tests.world import World

PEOPLE = 9
IDS = [f"c-{n}" for n in range(PEOPLE)]
Write = Callable[[Connection, str, Sequence[str], str], Awaitable[object]]


async def _send(connection: Connection, tenant: str, ids: Sequence[str], name: str) -> object:
    return await save_customers(connection, tenant, [{"id": id_, "name": name} for id_ in ids], as_of=NOON)


async def _file(connection: Connection, tenant: str, ids: Sequence[str], name: str) -> object:
    return await file_customers(connection, tenant, [{"id": id_, "name": name} for id_ in ids], changed_at=NOON)


async def _hear(connection: Connection, tenant: str, ids: Sequence[str], name: str) -> object:
    return await decide_newest_words(connection, [Telling(tenant, id_, NOON, {"name": name}) for id_ in ids])


WRITERS: dict[str, Write] = {"a send": _send, "a file": _file, "events": _hear}


@pytest.mark.parametrize("two", WRITERS)
@pytest.mark.parametrize("one", WRITERS)
async def test_two_who_write_the_same_customers_in_opposite_orders_both_come_through(
    world: World, one: str, two: str
) -> None:
    tenant = await world.tenant()
    async with world.owner.transaction() as connection:
        await _hear(connection, tenant, IDS, "전에는")
    async with world.owner.transaction() as holder:
        # Both stop half way at this one: without an order each then holds what the other comes to next.
        await holder.execute("select from customers where id = %s for update", [IDS[PEOPLE // 2]])
        writing = [
            asyncio.create_task(_written(world, WRITERS[one], tenant, IDS, "하나")),
            asyncio.create_task(_written(world, WRITERS[two], tenant, IDS[::-1], "둘")),
        ]
        await world.lock_waiters(2)
    await asyncio.gather(*writing)
    names = {row["name"] for row in world.rows("select name from customers")}
    assert len(names) == 1
    assert names <= {"하나", "둘"}


async def _written(world: World, write: Write, tenant: str, ids: Sequence[str], name: str) -> None:
    async with world.owner.transaction() as connection:
        await write(connection, tenant, ids, name)

"""Tickets that are published again, by several ticks at once and beside a tenant who has very many."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from uuid import UUID

import pytest

from shared.messages.dispatch import reissuing
from shared.messages.dispatch.reissuing import reissue
from shared.messages.dispatch.sweep_store import DECIDE_TICKETS_AGAIN
from shared.messages.outbox import LONGEST_PATIENCE, PATIENCE
from shared.platform.database import fetch_all
from shared.platform.pubsub import SEND_REQUESTS
from tests.clock import NOON
from tests.world import World

LONG_AGO = NOON - dt.timedelta(minutes=1)


def _wait_in_the_outbox(world: World, tenant: str, number: int) -> None:
    for one in range(number):
        id_ = UUID(int=1 + one)
        body = json.dumps({"tenant": tenant, "id": str(id_)})
        world.rows(
            "insert into outbox (tenant, id, topic, body, publish_at, created_at) values (%s, %s, %s, %s, %s, %s)",
            *(tenant, id_, SEND_REQUESTS, body, LONG_AGO, LONG_AGO),
        )


async def test_several_ticks_at_once_publish_each_ticket_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reissuing, "TICKETS_AT_A_TIME", 10)
    for tenant, number in (("academy", 40), ("cafe", 3)):
        _wait_in_the_outbox(world, tenant, number)
    database = world.as_role("allim_ticker")
    for _ in range(5):
        await asyncio.gather(*(reissue(database, world.publisher, world.clock) for _ in range(3)))
    published = [(ticket["tenant"], ticket["id"]) for _, ticket in world.publisher.published]
    assert len(published) == len(set(published)) == 43
    assert {"cafe"} <= {tenant for tenant, _ in published[:10]}, "who has few is among the first"


async def test_tickets_are_looked_for_tenant_by_tenant_and_not_among_all_that_are_due(world: World) -> None:
    _wait_in_the_outbox(world, "academy", 300)
    _wait_in_the_outbox(world, "cafe", 1)
    world.rows("analyze outbox")
    asked = {"now": NOON, "first": PATIENCE, "longest": LONGEST_PATIENCE, "limit": 2}
    async with world.owner.transaction() as connection:
        await connection.execute("set local enable_seqscan = off")  # so few rows are no reason for an index
        lines = await fetch_all(connection, f"explain (analyze, timing off) {DECIDE_TICKETS_AGAIN}", asked)
    plan = "\n".join(line["QUERY PLAN"] for line in lines)
    assert "outbox_of_tenants" in plan, plan
    assert "actual rows=30" not in plan, plan

"""Instances that take the tickets of crowds at one moment, each in the order of its own turns."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence
from uuid import UUID

from shared.contracts import SendTicket
from shared.messages.dispatch.fairness.turns_store import decide_turns
from shared.platform.pubsub import BULK_SEND_REQUESTS
from tests.clock import NOON
from tests.world import World


def _ticket(tenant: str) -> SendTicket:
    id_ = UUID(bytes=tenant.ljust(16).encode())
    return SendTicket(id=id_, tenant=tenant, messages=(UUID(int=1),))


async def test_two_that_take_the_same_tickets_in_other_turns_do_not_wait_for_each_other(world: World) -> None:
    tickets = [_ticket("academy"), _ticket("cafe")]
    for ticket in tickets:
        world.rows(
            "insert into outbox (tenant, id, topic, body, publish_at, created_at) values (%s, %s, %s, %s, %s, %s)",
            ticket.tenant,
            ticket.id,
            BULK_SEND_REQUESTS,
            ticket.model_dump_json(),
            NOON,
            NOON,
        )

    async def take(*served: str) -> Sequence[SendTicket]:
        async with world.owner.connection() as connection:
            until = NOON + dt.timedelta(seconds=30)
            return await decide_turns(connection, tickets, served=served, now=NOON, until=until, most=500)

    async with world.owner.transaction() as connection:  # both begin, and meet when this ends
        await connection.execute("select from outbox where tenant = 'academy' for update")
        first = asyncio.create_task(take("cafe"))  # the academy's turn is first
        await world.lock_waiters(1)
        second = asyncio.create_task(take("academy"))
        await world.lock_waiters(2)
    assert sorted(map(len, await asyncio.gather(first, second))) == [2, 2], "both came for both, and either may claim"

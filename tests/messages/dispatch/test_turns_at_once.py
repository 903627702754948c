"""Instances that take the tickets of crowds at one moment, each in the order of its own turns."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence
from uuid import UUID

from shared.contracts.tickets import SendTicket
from shared.messages.dispatch.fairness.turns import Turns
from shared.messages.dispatch.fairness.turns_store import decide_turns
from shared.platform.pubsub import BULK_SEND_REQUESTS
from tests.clock import NOON
from tests.world import World


def _ticket(tenant: str) -> SendTicket:
    id_ = UUID(bytes=tenant.ljust(16).encode())
    return SendTicket(id=id_, tenant=tenant, messages=(UUID(int=1),))


def _wait_in_the_outbox(world: World, tickets: Sequence[SendTicket]) -> None:
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


async def test_two_that_take_the_same_tickets_in_other_turns_do_not_wait_for_each_other(world: World) -> None:
    tickets = [_ticket("academy"), _ticket("cafe")]
    _wait_in_the_outbox(world, tickets)

    async def take(*served: str) -> Sequence[SendTicket]:
        async with world.owner.connection() as connection:
            until = NOON + dt.timedelta(seconds=30)
            taken = await decide_turns(connection, tickets, served=served, now=NOON, until=until, most=500)
            return taken or []

    async with world.owner.transaction() as connection:  # both begin, and meet when this ends
        await connection.execute("select from outbox where tenant = 'academy' for update")
        first = asyncio.create_task(take("cafe"))  # the academy's turn is first
        await world.lock_waiters(1)
        second = asyncio.create_task(take("academy"))
        await world.lock_waiters(2)
    assert sorted(map(len, await asyncio.gather(first, second))) == [0, 2], "the other one looks again"


async def test_of_many_at_once_each_takes_a_ticket_and_none_is_left_for_a_later_day(world: World) -> None:
    tickets = [SendTicket(id=UUID(int=1 + number), tenant="academy", messages=(UUID(int=1),)) for number in range(8)]
    _wait_in_the_outbox(world, tickets)

    async def take(asked: SendTicket) -> list[SendTicket]:
        turns = Turns(world.owner, world.clock)
        return [ticket async for some in turns.instead_of([asked]) for ticket in some]

    async with world.owner.transaction() as connection:  # all see the same oldest one, and meet when this ends
        await connection.execute("select from outbox where tenant = 'academy' order by id limit 1 for update")
        waiting = [asyncio.create_task(take(ticket)) for ticket in tickets]
        await world.lock_waiters(3)  # as many as the pool has connections besides
    taken = [ticket.id for some in await asyncio.gather(*waiting) for ticket in some]
    assert sorted(taken) == [ticket.id for ticket in tickets]

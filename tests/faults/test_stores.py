"""Statements that others depend on going through, whatever is in the tables and whoever is at them too."""

from __future__ import annotations

import asyncio
from uuid import UUID

from shared.messages.dispatch.submit_store import mark_sent
from shared.messages.reports.store import lock_states
from shared.platform.ids import new_id
from tests.faults.world import TENANT, FaultyWorld

NUMBERS = ("01000000001", "01000000002", "01000000003")
LONG_AGO = 5_000
"""More tries than any count of them should come to."""


async def dispatched(world: FaultyWorld, *ids: UUID) -> UUID:
    """Queued messages as they stand when their batch was handed over and sent, and nothing recorded of it yet.

    Their rows lie in the table in the order in which they are given.
    """
    dispatch, now = new_id(world.clock.now()), world.clock.now()
    async with world.owner.transaction() as connection:
        for id_ in ids:
            await connection.execute(
                "update messages set status = 'sending', dispatch = %s where id = %s", [dispatch, id_]
            )
        await connection.execute(
            """
            insert into dispatches
              (tenant, id, provider, account, messages, state, provider_batch_id, lease_until, created_at, updated_at)
            values (%s, %s, 'solapi', 'main', %s, 'prepared', 'G1', %s, %s, %s)
            """,
            [TENANT, dispatch, list(ids), now, now, now],
        )
    return dispatch


async def test_a_ticket_that_nobody_consumes_for_weeks_does_not_hold_up_the_others(world: FaultyWorld) -> None:
    await world.queue(NUMBERS[0])
    world.bus.messages.clear()
    async with world.owner.connection() as connection:
        await connection.execute("update outbox set attempts = %s", [LONG_AGO])
    world.clock.advance(60)
    await world.process().reissue()
    assert len(world.bus.messages) == 1


async def test_a_dispatch_that_is_asked_about_for_days_does_not_hold_up_the_others(world: FaultyWorld) -> None:
    ids = await world.queue(NUMBERS[0])
    dispatch = await dispatched(world, *ids)
    async with world.owner.connection() as connection:
        await connection.execute(
            "update dispatches set state = 'sent', checks = %s, check_at = created_at where id = %s",
            [LONG_AGO, dispatch],
        )
    await world.process().sweeper.check()
    [row] = world.table("dispatches")
    assert row["checks"] == LONG_AGO + 1


async def test_reports_and_the_record_of_sending_do_not_wait_for_each_other(world: FaultyWorld) -> None:
    first, second, third = sorted(await world.queue(*NUMBERS))
    dispatch = await dispatched(world, third, second, first)
    accepted = [(id_, "alimtalk", f"M{id_}") for id_ in (third, second, first)]
    now = world.clock.now()

    async def record_sending() -> None:
        async with world.owner.transaction() as connection:
            # A plan that finds rows as they lie, which Postgres may choose any day.
            await connection.execute("set local enable_indexscan = off; set local enable_bitmapscan = off")
            await mark_sent(connection, TENANT, dispatch, accepted, now=now, check_at=now)

    async with world.owner.transaction() as reports:
        await lock_states(reports, [(TENANT, first)])
        recording = asyncio.create_task(record_sending())
        await world.lock_waiters(1)
        await lock_states(reports, [(TENANT, third)])
    await recording
    assert {row["status"] for row in world.table("messages")} == {"sent"}

"""The sweep mends what is left behind, whatever else is broken."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from shared.credits.ledger.ledger import top_up
from shared.messages.dispatch.sending import LEASE
from tests.faults.boundaries import Hook
from tests.faults.fates import DELIVERED, assert_each_has_its_fate, queue_one_of_each
from tests.faults.world import TENANT, Crash, FaultyWorld

UNLUCKY = "unlucky"


def ending_at(end: str) -> Hook:
    async def hook(boundary: str) -> None:
        if boundary == end:
            raise Crash(boundary)

    return hook


@pytest.fixture
async def unlucky(world: FaultyWorld) -> AsyncIterator[str]:
    """A tenant whose account can't be used: its credentials are another tenant's, and so don't open."""
    copied = {
        "provider_accounts": "id, provider, sender, kakao_channel, credentials",
        "templates": "name, active_version",
        "template_versions": "name, version, content, approval",
    }
    async with world.owner.transaction() as connection:
        await connection.execute("insert into tenants (id, name) values (%s, '옆집')", [UNLUCKY])
        await top_up(connection, UNLUCKY, Decimal(1_000_000), key="given", reference="given", now=world.clock.now())
        for table, columns in copied.items():
            await connection.execute(
                f"insert into {table} (tenant, {columns}) select %s, {columns} from {table} where tenant = %s",  # noqa: S608
                [UNLUCKY, TENANT],
            )
    yield UNLUCKY
    async with world.owner.transaction() as connection:
        await connection.execute("set local session_replication_role = replica")
        for table in (*copied, "prices", "ledger_entries", "credit_accounts", "tenant_plans", "tenants"):
            column = "id" if table == "tenants" else "tenant"
            await connection.execute(f"delete from {table} where {column} = %s", [UNLUCKY])  # noqa: S608


@pytest.mark.parametrize("kept", [1000, 20, 11, 1, 0], ids=["whole", "a tag short", "no tag", "a byte", "none"])
@pytest.mark.parametrize("order", [pytest.param(1, id="first"), pytest.param(-1, id="last")])
async def test_a_tenant_whose_account_can_not_be_used_does_not_disturb_the_others(
    world: FaultyWorld, unlucky: str, order: int, kept: int
) -> None:
    async with world.owner.transaction() as connection:
        await connection.execute(
            "update provider_accounts set credentials = substr(credentials, 1, %s) where tenant = %s", [kept, unlucky]
        )
    sent = await queue_one_of_each(world)
    [stranded] = await world.queue(DELIVERED, tenant=unlucky)
    world.bus.messages = world.bus.messages[::order]
    process = world.process()
    assert await world.live(process)
    await assert_each_has_its_fate(world, sent)
    row = world.message(stranded)
    assert (row["status"], row["reason"]) == ("failed", "provider_unavailable")
    assert row["detail"] == "its account's credentials can't be opened"


async def test_a_dispatch_whose_account_can_not_be_used_any_more_waits_and_the_others_go_on(
    world: FaultyWorld, unlucky: str
) -> None:
    [kept] = await world.queue(DELIVERED)
    assert not await world.live(world.process(ending_at("after POST /messages/v4/groups/{group}/send")))
    async with world.owner.transaction() as connection:
        # The same state, for the tenant that can't be asked about; its lease is over first.
        await connection.execute(
            """
            insert into dispatches (tenant, id, provider, account, messages, state, provider_batch_id, lease_until,
                                    created_at, updated_at)
            select %s, id, provider, account, messages, state, provider_batch_id, lease_until - interval '1 s',
                   created_at, updated_at
            from dispatches
            """,
            [unlucky],
        )
    world.clock.advance(LEASE.total_seconds() + 1)
    await world.process().sweeper.sweep()
    assert (world.message(kept))["status"] == "sent"
    assert {row["tenant"]: row["state"] for row in world.table("dispatches")} == {
        TENANT: "sent",
        unlucky: "prepared",
    }


async def test_what_is_left_is_mended_while_pubsub_is_away(world: FaultyWorld) -> None:
    async def pubsub_is_away(boundary: str) -> None:
        if boundary.startswith("before publish"):
            raise RuntimeError("Pub/Sub is away")

    [message] = await world.queue(DELIVERED)
    assert not await world.live(world.process(ending_at("after POST /messages/v4/groups/{group}/send")))
    await world.queue(DELIVERED)
    world.bus.messages.clear()
    world.clock.advance(LEASE.total_seconds() + 1)
    world.hooked.calls.clear()
    process = world.process(pubsub_is_away)
    await process.sweeper.sweep()
    assert (world.message(message))["status"] == "sent"
    world.clock.advance(LEASE.total_seconds() + 1)
    await process.sweeper.sweep()
    assert (world.message(message))["status"] == "delivered"
    assert await world.live(world.process())

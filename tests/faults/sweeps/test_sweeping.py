"""The sweep mends what is left behind, whatever else is broken."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import pytest

from shared.credits.ledger.ledger import top_up
from shared.messages.dispatch.dispatching import LEASE, MAX_TRIES
from shared.messages.reasons import ACCOUNT_UNREADABLE, SENTENCES, UNKNOWN_PROVIDER
from shared.tenants.accounts import register_account
from tests.faults.fates import DELIVERED, REFUSED, assert_each_has_its_fate, queue_one_of_each
from tests.faults.world import SMS_ONLY, TENANT, FaultyWorld, ending_at
from tests.world import KEYS

UNLUCKY = "unlucky"
REST_OF_A_TENANT = ("alerts", "prices", "ledger_entries", "ledger_keys", "credit_accounts", "tenant_plans")


@pytest.fixture
async def unlucky(world: FaultyWorld) -> AsyncIterator[str]:
    """A tenant whose account can't be used: its credentials are another tenant's, and so don't open."""
    copied = {
        "provider_accounts": "id, provider, sender, kakao_channel, credentials",
        "sender_numbers": "number, registered_at, verified_at, verified_how",
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
        for table in (*copied, *REST_OF_A_TENANT, "tenants"):
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
    assert (row["status"], row["reason"]) == ("failed", ACCOUNT_UNREADABLE)
    assert row["detail"] == SENTENCES[ACCOUNT_UNREADABLE]


async def test_a_provider_that_asks_for_pauses_is_given_them_and_no_message_fails_for_it(world: FaultyWorld) -> None:
    world.simulator.set_faults(too_many={"count": 3 * MAX_TRIES, "on": "POST .*/groups$"}, retry_after=90)
    [message] = await world.queue(DELIVERED)
    await world.deliver(world.process())
    [ticket] = world.table("outbox")
    assert ticket["publish_at"] == world.clock.now() + dt.timedelta(seconds=90)
    assert (world.message(message)["status"], world.message(message)["tries"]) == ("queued", 0)
    assert await world.live(world.process(), rounds=4 * MAX_TRIES)
    assert world.message(message)["status"] == "delivered"


async def test_a_template_that_can_not_be_read_stops_the_messages_with_its_words_alone(world: FaultyWorld) -> None:
    async with world.owner.transaction() as connection:
        await connection.execute("set local session_replication_role = replica")
        await connection.execute(
            "insert into template_versions (tenant, name, version, content, approval, created_at) "
            "values (%s, 'of another release', 1, '{\"hologram\": {}}', 'draft', %s)",
            [TENANT, world.clock.now()],
        )
    stranded, sound = await world.queue(DELIVERED, REFUSED, templates={DELIVERED: "of another release"})
    alone = await world.queue(DELIVERED, templates={DELIVERED: "of another release"})
    sent = await queue_one_of_each(world)
    assert await world.live(world.process())
    await assert_each_has_its_fate(world, sent)
    assert world.message(sound)["reason"] == world.message(sent[REFUSED])["reason"]
    for message in (stranded, *alone):
        row = world.message(message)
        assert (row["status"], row["reason"], row["tries"]) == ("failed", "template_unreadable", MAX_TRIES)
    async with world.owner.transaction() as connection:
        await connection.execute("set local session_replication_role = replica")
        await connection.execute("delete from template_versions where name = 'of another release'")


async def test_a_template_that_can_be_read_again_lets_its_messages_leave(world: FaultyWorld) -> None:
    async with world.owner.transaction() as connection:
        await connection.execute("set local session_replication_role = replica")
        await connection.execute("update template_versions set content = content || '{\"hologram\": {}}'")
    [message] = await world.queue(DELIVERED)
    await world.deliver(world.process())
    assert world.message(message)["status"] == "queued"
    async with world.owner.transaction() as connection:
        await connection.execute("set local session_replication_role = replica")
        await connection.execute("update template_versions set content = content - 'hologram'")
    assert await world.live(world.process())
    assert world.message(message)["status"] == "delivered"


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
        await connection.execute(
            """
            insert into messages (tenant, id, customer, template, template_version, route, deadlines, channel, status,
                                  dispatch, due_at, expires_at, created_at, updated_at)
            select %s, id, customer, template, template_version, route, deadlines, channel, status, dispatch, due_at,
                   expires_at, created_at, updated_at
            from messages
            """,
            [unlucky],
        )
    world.clock.advance(LEASE.total_seconds() + 1)
    await world.process().sweep()
    assert {row["tenant"]: row["status"] for row in world.table("messages")} == {TENANT: "sent", unlucky: "sending"}
    assert [row["id"] for row in world.table("messages")] == [kept, kept]
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
    await process.sweep()
    assert (world.message(message))["status"] == "sent"
    world.clock.advance(LEASE.total_seconds() + 1)
    await process.sweep()
    assert (world.message(message))["status"] == "delivered"
    assert await world.live(world.process())


async def test_an_account_of_a_provider_that_nobody_knows_is_said_to_be_so(world: FaultyWorld, unlucky: str) -> None:
    async with world.owner.transaction() as connection:
        account = replace(world.provider_account, tenant=unlucky)
        await register_account(connection, KEYS, account, now=world.clock.now())
        await connection.execute("update provider_accounts set provider = 'pigeon' where tenant = %s", [unlucky])
    [stranded] = await world.queue(DELIVERED, tenant=unlucky)
    assert await world.live(world.process())
    row = world.message(stranded)
    assert (row["status"], row["reason"]) == ("failed", UNKNOWN_PROVIDER)
    assert row["detail"] == f"pigeon: {SENTENCES[UNKNOWN_PROVIDER]}"


@pytest.mark.parametrize("provider", ["nhn", "sens"])
async def test_an_account_that_lacks_what_opens_one_there_is_said_to_do_so(
    world: FaultyWorld, unlucky: str, provider: str
) -> None:
    async with world.owner.transaction() as connection:
        account = replace(world.provider_account, tenant=unlucky, provider=provider)
        await register_account(connection, KEYS, account, now=world.clock.now())
    [stranded] = await world.queue(DELIVERED, tenant=unlucky, route="sms", templates={DELIVERED: SMS_ONLY})
    assert await world.live(world.process())
    row = world.message(stranded)
    assert (row["status"], row["reason"]) == ("failed", "provider_unavailable")
    assert "was registered without" in row["detail"]

"""The audit, against whatever could be done to the rows behind its back."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.credits.ledger.audit import disagreements
from tests.credits.ledger_world import LedgerWorld, said
from tests.databases import Migrated


@pytest.mark.parametrize(
    "damage",
    [
        "update messages set price = price + 1 where price is not null",
        "update messages set held = held + 1 where settlement is null",
        "update messages set hold = gen_random_uuid() where settlement is null",
        "update messages set settlement = gen_random_uuid(), status = 'failed', reason = 'x' where settlement is null",
        "update messages set price = null, settlement = null, status = 'sent' where price is not null",
        "update credit_accounts set held = held - 1",
        "delete from messages",
    ],
)
async def test_an_audit_finds_whatever_disagrees(database: Migrated, damage: str) -> None:
    world = LedgerWorld(database)
    tenant = await world.add_tenant("audited", credit=1_000)
    claimed = await world.claim(await world.queue(tenant, 2))
    await world.report(tenant, said(claimed[0].id, "delivered"))
    assert (await world.audit()).difference == 0
    world.rows(damage)
    found = await world.audit()
    await world.close()
    assert found.difference > 0


@pytest.fixture
async def books(database: Migrated) -> AsyncIterator[LedgerWorld]:
    """Three messages of one hold: one captured, one released, and one on its way, beside a tenant without any."""
    world = LedgerWorld(database)
    tenant = await world.add_tenant("audited", credit=1_000)
    await world.add_tenant("sound", credit=500)
    claimed = await world.claim(await world.queue(tenant, 3))
    await world.report(tenant, said(claimed[0].id, "delivered"), said(claimed[1].id, "failed"))
    assert disagreements(await world.audit()) == {}
    yield world
    await world.close()


async def _tamper(world: LedgerWorld, *statements: str) -> dict[str, Any]:
    """Change rows as nobody can but the owner with triggers off, and give what the audit then finds wrong."""
    async with world.owner.transaction() as connection:
        await connection.execute("set local session_replication_role = replica")
        for statement in statements:
            await connection.execute(statement)
    return disagreements(await world.audit())


A_MESSAGE = """
insert into messages (
  tenant, id, customer, template, template_version, route, deadlines, channel, status, reason,
  due_at, expires_at, created_at, updated_at, hold, held, settlement
)
select 'audited', ('00000000-0000-0000-0000-' || lpad(number::text, 12, '0'))::uuid, 'c', 't', 1, '{sms}', '{60}',
  'sms', 'failed', 'x', 'epoch', 'epoch', 'epoch', 'epoch',
  '10000000-0000-0000-0000-000000000009', 999, '20000000-0000-0000-0000-000000000009'
from generate_series(1, %s) as number
"""
A_HOLD = """
insert into ledger_entries (tenant, id, kind, hold_change, key, messages, created_at)
select 'audited', gen_random_uuid(), 'hold', 500, 'h',
  array_agg(('00000000-0000-0000-0000-' || lpad(number::text, 12, '0'))::uuid), 'epoch'
from generate_series(1, %s) as number
"""
A_RELEASE = """
insert into ledger_entries (tenant, id, kind, hold_change, key, messages, created_at)
select 'audited', gen_random_uuid(), 'release', -500, 'r', array_agg(gen_random_uuid()), 'epoch'
from generate_series(1, %s) as number
"""


@pytest.mark.parametrize("size", [1, 40])
async def test_entries_and_messages_that_name_others_disagree_though_their_sums_agree(
    books: LedgerWorld, size: int
) -> None:
    made = [statement.replace("%s", str(size)) for statement in (A_MESSAGE, A_HOLD, A_RELEASE)]
    assert await _tamper(books, *made) == {"difference": 1_000, "missing": 2 * size, "untraced": 2 * size}


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        # No message is listed, and the sums of the entries still agree.
        (
            "insert into ledger_entries (tenant, id, kind, hold_change, key, messages, created_at)"
            " select 'audited', gen_random_uuid(), kind::entry_kind, change, kind, null, 'epoch'::timestamptz"
            " from (values ('hold', 70), ('release', -70)) as pair (kind, change)",
            {"difference": 140},
        ),
        # A message that is listed twice stands in for one that is not listed, at the same price.
        (
            "update ledger_entries set messages = messages[1:1] || messages[1:1] || messages[3:3] where kind = 'hold'",
            {"untraced": 1},
        ),
        # A message that lost nothing but its place in the list.
        ("update ledger_entries set messages = messages[1:0] where kind = 'release'", {"untraced": 1}),
        # What was free of charge names no entry at all.
        ("update messages set held = 0, hold = gen_random_uuid() where settlement is null", {"untraced": 1}),
        # The two settlements, exchanged: a captured message that names its release.
        (
            "update messages m set settlement = e.id from ledger_entries e"
            " where e.kind = case when m.price is null then 'capture' else 'release' end::entry_kind"
            " and m.settlement is not null",
            {"missing": 2, "untraced": 2},
        ),
        # A charge of nothing, where what was held was given back.
        ("update ledger_entries set kind = 'capture' where kind = 'release'", {"untraced": 1}),
        ("delete from ledger_entries where kind = 'hold'", {"untraced": 3}),
        ("delete from messages where settlement is null", {"missing": 1}),
    ],
)
async def test_every_message_is_where_its_entries_are_and_the_other_way_round(
    books: LedgerWorld, damage: str, found: dict[str, int]
) -> None:
    wrong = await _tamper(books, damage)
    assert {figure: wrong.get(figure) for figure in found} == found

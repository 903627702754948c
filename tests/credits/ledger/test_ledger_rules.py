"""What the database itself refuses, whoever asks and however many at once."""

import asyncio
import datetime as dt
from decimal import Decimal
from itertools import count
from uuid import uuid4

import psycopg
import pytest

from local.postgres import ROLES
from shared.credits.errors import CreditError
from shared.credits.ledger.ledger import whole_won
from shared.credits.ledger.settings_store import update_account
from shared.platform.database import Database as Pool
from tests.credits.ledger_world import START, LedgerWorld, said
from tests.databases import Migrated

_numbers = count(1)


@pytest.fixture
def world(audited_world: LedgerWorld) -> LedgerWorld:
    return audited_world


async def _tenant(world: LedgerWorld, credit: int = 0) -> str:
    return await world.add_tenant(f"rules-{next(_numbers)}", credit=credit)


ADD = """
insert into ledger_entries (tenant, id, kind, balance_change, hold_change, key, created_at)
values (%(tenant)s, %(id)s, %(kind)s::entry_kind, %(balance)s, %(hold)s, %(key)s, %(now)s)
"""


async def _add(
    world: LedgerWorld,
    tenant: str,
    kind: str,
    balance: int,
    hold: int,
    key: str | None = None,
    now: dt.datetime = START,
) -> None:
    world.rows(ADD, tenant=tenant, id=uuid4(), kind=kind, balance=balance, hold=hold, key=key or str(uuid4()), now=now)


@pytest.mark.parametrize(
    "statement",
    ["update ledger_entries set reference = 'other'", "delete from ledger_entries", "truncate ledger_entries"],
)
async def test_not_even_the_owner_changes_or_removes_an_entry(world: LedgerWorld, statement: str) -> None:
    await _tenant(world, 100)
    with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
        world.rows(statement)


@pytest.mark.parametrize(
    ("kind", "balance", "hold"),
    [
        ("topup", -1, 0),
        ("topup", 0, 0),
        ("topup", 1, 1),
        ("hold", 0, -1),
        ("hold", 1, 1),
        ("capture", 1, 0),
        ("capture", -1, 1),
        ("release", 0, 1),
        ("release", 1, -1),
        ("hold_expiry", 0, 1),
        ("hold_expiry", 1, -1),
        ("refund", 0, -1),
        ("refund", 1, 0),
        ("adjustment", 0, 1),
    ],
)
async def test_an_entry_moves_only_as_its_kind_may(world: LedgerWorld, kind: str, balance: int, hold: int) -> None:
    tenant = await _tenant(world, 1_000)
    with pytest.raises(psycopg.errors.CheckViolation, match="moves_as_its_kind"):
        await _add(world, tenant, kind, balance, hold)


async def test_a_key_is_used_once(world: LedgerWorld) -> None:
    tenant, other = await _tenant(world), await _tenant(world)
    assert await world.top_up(tenant, 500, key="toss/1")
    assert not await world.top_up(tenant, 500, key="toss/1")
    assert world.account(tenant) == (500, 0)
    await _add(world, tenant, "topup", 500, 0, key="toss/1")
    await _add(world, tenant, "topup", 500, 0, key="toss/1", now=START + dt.timedelta(days=400))  # in another partition
    assert world.account(tenant) == (500, 0)
    assert await world.top_up(other, 500, key="toss/1")


async def test_many_who_add_the_same_payment_at_once_add_it_once(world: LedgerWorld) -> None:
    tenant = await _tenant(world)
    for payment in range(50):
        added = await asyncio.gather(*(world.top_up(tenant, 700, key=f"the-same-{payment}") for _ in range(4)))
        assert sorted(added) == [False] * 3 + [True]
    assert world.account(tenant) == (35_000, 0)


async def test_of_many_who_take_at_once_only_as_many_get_as_there_is(world: LedgerWorld) -> None:
    tenant = await _tenant(world, 100)
    taken = await asyncio.gather(*(world.take_back(tenant, 30) for _ in range(8)), return_exceptions=True)
    errors = [error for error in taken if isinstance(error, BaseException)]
    assert {type(error) for error in errors} == {CreditError}
    assert {error.code for error in errors if isinstance(error, CreditError)} == {"credit_shortage"}
    assert (len(taken) - len(errors), world.account(tenant)) == (3, (10, 0))


async def test_of_many_who_hold_at_once_only_as_many_get_as_there_is(database: Migrated) -> None:
    world = LedgerWorld(database)
    tenant = await _tenant(world, 100)
    held = await asyncio.gather(*(_add(world, tenant, "hold", 0, 30) for _ in range(8)), return_exceptions=True)
    refused = [error for error in held if error is not None]
    assert {type(error) for error in refused} == {psycopg.errors.CheckViolation}
    assert (len(refused), world.account(tenant)) == (5, (100, 90))
    await world.close()


async def test_no_more_is_released_than_is_held(world: LedgerWorld) -> None:
    tenant = await _tenant(world, 100)
    with pytest.raises(psycopg.errors.CheckViolation, match="held_check"):
        await _add(world, tenant, "release", 0, -1)


async def test_a_message_cannot_end_with_its_hold_unsettled(world: LedgerWorld) -> None:
    tenant = await _tenant(world, 100)
    [claimed] = await world.claim(await world.queue(tenant, 1))
    for status in ("expired", "cancelled", "failed", "delivered", "read"):
        with pytest.raises(psycopg.errors.CheckViolation, match="held_and_settled"):
            world.rows(
                "update messages set status = %(status)s::message_status, reason = 'x' where id = %(id)s",
                status=status,
                id=claimed.id,
            )
    await world.report(tenant, said(claimed.id, "failed"))


async def test_totals_are_locked_in_one_order_whatever_the_plan(world: LedgerWorld) -> None:
    """Accounts lie in the table against their order, so a plan that takes them as they lie would show."""
    later, earlier = await world.add_tenant("zz-last"), await world.add_tenant("aa-first")

    async def add_to_both() -> None:
        async with world.owner.transaction() as connection:
            await connection.execute("set local enable_nestloop = off")
            await connection.execute(
                "insert into ledger_entries (tenant, id, kind, balance_change, key, created_at)"
                " select tenant, gen_random_uuid(), 'topup', 1, 'both', %s from unnest(%s::text[]) as t (tenant)",
                [world.clock.now(), [later, earlier]],
            )

    async with world.owner.transaction() as gate:
        await gate.execute("select from credit_accounts where tenant = %s for no key update", [earlier])
        adding = asyncio.create_task(add_to_both())
        await world.lock_waiters(1)
        free = "select tenant from credit_accounts where tenant = %(tenant)s for no key update skip locked"
        assert world.rows(free, tenant=later) == [{"tenant": later}]
    await adding
    assert world.account(later) == world.account(earlier) == (1, 0)


@pytest.mark.parametrize("table", ["credit_accounts", "ledger_entries", "alerts"])
async def test_a_tenant_sees_its_own_credit_only_and_adds_none(
    world: LedgerWorld, module_database: Migrated, table: str
) -> None:
    mine, other = await _tenant(world, 100), await _tenant(world, 100)
    for tenant in (mine, other):
        await world.claim(await world.queue(tenant, 3))
    api = Pool(module_database.role_url("allim_api"))
    try:
        async with api.transaction(tenant=mine) as connection:
            seen = await (await connection.execute(f"select distinct tenant from {table}")).fetchall()  # noqa: S608
            assert seen == [{"tenant": mine}]
        async with api.transaction() as connection:
            assert await (await connection.execute(f"select from {table}")).fetchall() == []
        for forbidden in (
            f"delete from {table}",  # noqa: S608
            f"update {table} set tenant = tenant",  # noqa: S608
            f"insert into {table} (tenant) values ('{mine}')",  # noqa: S608
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                async with api.transaction(tenant=mine) as connection:
                    await connection.execute(forbidden)
    finally:
        await api.close()


@pytest.mark.parametrize("role", ROLES)
async def test_no_role_sets_a_balance_itself(world: LedgerWorld, module_database: Migrated, role: str) -> None:
    tenant = await _tenant(world, 100)
    pool = Pool(module_database.role_url(role))
    try:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with pool.transaction(tenant=tenant) as connection:
                await connection.execute("update credit_accounts set balance = 1000000")
    finally:
        await pool.close()


async def test_a_business_chooses_for_itself_alone_to_wait_for_credit(world: LedgerWorld) -> None:
    mine, other = await _tenant(world, 100), await _tenant(world, 100)
    async with world.owner.transaction() as connection:
        await update_account(connection, mine, low_balance=None, wait_for_credit=True)
    chosen = world.rows("select tenant from credit_accounts where wait_for_credit")
    assert [row["tenant"] for row in chosen if row["tenant"] in (mine, other)] == [mine]


@pytest.mark.parametrize("amount", [0, -1, "0.5", "1e10", "nan", "inf", "-inf", "", "a lot", None, Decimal("1.01")])
async def test_an_amount_is_whole_won_and_more_than_none(amount: object) -> None:
    with pytest.raises(CreditError) as raised:
        whole_won(amount)
    assert (raised.value.code, raised.value.field) == ("bad_amount", "amount")
    assert raised.value.detail_ko

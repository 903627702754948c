"""What counts towards a plan's messages, and what a preflight says of it."""

from dataclasses import replace
from itertools import count

import pytest

from shared.campaigns.preflight import preflight
from shared.credits.errors import CreditError
from shared.credits.plans.plans import PLANS
from shared.credits.plans.quota import Quota, read_quota
from shared.credits.plans.store import count_messages
from tests.credits.ledger_world import LedgerWorld

_numbers = count(1)


async def _quota(world: LedgerWorld, tenant: str) -> Quota:
    async with world.owner.connection() as connection:
        return await read_quota(connection, tenant, world.clock.now())


async def _tenant(world: LedgerWorld, credit: int = 100) -> str:
    tenant = await world.add_tenant(f"quota-{next(_numbers)}", credit=credit)
    world.rows("update tenant_plans set anchor = '2026-01-15' where tenant = %(tenant)s", tenant=tenant)
    return tenant


async def test_a_message_counts_once_when_it_waits_and_when_it_is_sent(world: LedgerWorld) -> None:
    tenant = await _tenant(world, credit=1_000)
    ticket = await world.queue(tenant, 3)
    assert (await _quota(world, tenant)).used == 3
    await world.claim(ticket)
    quota = await _quota(world, tenant)
    assert (quota.plan, quota.used, quota.left) == ("FREE", 3, PLANS["FREE"].messages - 3)


async def test_a_message_that_found_no_credit_does_not_count(world: LedgerWorld) -> None:
    tenant = await _tenant(world)
    await world.claim(await world.queue(tenant, 5, channels=("lms",)))
    async with world.owner.connection() as connection:
        assert await count_messages(connection, tenant, world.clock.now()) == 2


@pytest.mark.parametrize(
    ("messages", "larger"),
    [(1_000, None), (1_001, "BASIC"), (29_990, "BASIC"), (30_000, "PRO"), (999_990, "PRO")],
)
async def test_a_shortage_says_which_plan_has_room_and_how_to_get_it(
    world: LedgerWorld, messages: int, larger: str | None
) -> None:
    tenant = await _tenant(world, credit=1_000)
    await world.queue(tenant, 10)
    quota = await _quota(world, tenant)
    short = quota.shortage(messages - 10 * (messages == 1_000))
    if larger is None:
        assert short is None
        return
    assert short is not None
    assert short.detail_ko
    for told in (short.detail, short.detail_ko):
        assert f"allim plans change --tenant {tenant} --to {larger}" in told
        assert f"allim plans grant --tenant {tenant} --plan {larger} --why" in told


async def test_a_shortage_that_no_plan_mends_names_none(world: LedgerWorld) -> None:
    short = (await _quota(world, await _tenant(world))).shortage(PLANS["PRO"].messages + 1)
    assert short is not None
    assert "allim plans" not in short.sentence


async def test_a_preflight_says_when_the_plan_has_too_few_left(
    world: LedgerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = await _tenant(world)
    monkeypatch.setitem(PLANS, "FREE", replace(PLANS["FREE"], messages=2))
    codes = []
    for messages in (2, 3):
        async with world.owner.transaction() as connection:
            found = await preflight(
                connection,
                tenant,
                template="hello",
                route=("sms",),
                ways={("sms",): messages},
                refused=0,
                now=world.clock.now(),
            )
        codes += [check.code for check in found.checks if check.name == "quota"]
    assert codes == ["ok", "quota_exceeded"]


async def test_nobody_has_no_quota(world: LedgerWorld) -> None:
    with pytest.raises(CreditError, match="unknown_tenant"):
        await _quota(world, "nobody")

"""The inbox from a ticket to its row, while processes end anywhere: each message is there once."""

from __future__ import annotations

import itertools
from uuid import UUID

import pytest

from shared.providers import ProviderAccount
from shared.tenants.accounts import register_account
from tests.faults.boundaries import Hook
from tests.faults.calls.test_nhn_faults import ending_after
from tests.faults.world import FaultyWorld
from tests.world import KEYS

SHOWN = "shown"
TEMPLATES = {SHOWN: {"inapp": {"title": "주문", "text": "도착했습니다."}}}
ROUNDS = 60
CUSTOMERS = ("01090005000", "01090005001")


@pytest.fixture
async def shop(world: FaultyWorld) -> str:
    """A tenant that sends by its app's inbox."""
    tenant = await world.tenant(templates=TEMPLATES, account=False)
    account = ProviderAccount(tenant, "inbox", "inapp", "", None, {})
    async with world.owner.transaction() as connection:
        await register_account(connection, KEYS, account, now=world.clock.now())
    return tenant


async def queue(world: FaultyWorld, tenant: str) -> list[UUID]:
    return await world.queue(*CUSTOMERS, route="inapp", templates=dict.fromkeys(CUSTOMERS, SHOWN), tenant=tenant)


def inbox(world: FaultyWorld) -> list[tuple[UUID, str]]:
    return [(row["message"], row["customer"]) for row in world.rows("select message, customer from inbox order by 1")]


async def test_a_message_is_in_its_customers_inbox(world: FaultyWorld, shop: str) -> None:
    sent = await queue(world, shop)
    await world.deliver(world.process())
    assert inbox(world) == sorted(zip(sent, CUSTOMERS, strict=True))
    assert {world.message(message)["provider"] for message in sent} == {"inapp"}


def _failing_once(end: str) -> Hook:
    left = [end]

    async def hook(boundary: str) -> None:
        if boundary in left:
            left.remove(boundary)
            raise OSError("the connection is gone")

    return hook


@pytest.mark.parametrize("when", ["before keep", "after keep"])
async def test_a_database_that_breaks_off_loses_nothing(world: FaultyWorld, shop: str, when: str) -> None:
    sent = await queue(world, shop)
    assert await world.live(world.process(_failing_once(when)), ROUNDS)
    assert inbox(world) == sorted(zip(sent, CUSTOMERS, strict=True))


async def test_a_crash_at_any_moment_neither_loses_nor_doubles_a_message(world: FaultyWorld, shop: str) -> None:
    for number in itertools.count():
        await world.start_over()
        sent = await queue(world, shop)
        lived = await world.live(world.process(ending_after(number)), ROUNDS)
        assert await world.live(world.process(), ROUNDS)
        assert inbox(world) == sorted(zip(sent, CUSTOMERS, strict=True)), number
        if lived:
            break

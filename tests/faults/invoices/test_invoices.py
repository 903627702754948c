"""A day's messages beside what the provider says of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson
import pytest

from shared.operations.reconcile.invoice_store import ComparedDay, compared_days
from shared.operations.reconcile.invoicing import KIND, Invoices, Night
from shared.platform.clock import SEOUL
from shared.providers import Provider
from shared.providers.solapi import Solapi, webhook_proof
from shared.tenants.accounts import register_account
from tests.faults.fates import BAD_NUMBER, DELIVERED, NOT_ON_KAKAO, REFUSED, UNTOLD
from tests.faults.world import SMS_ONLY, TENANT, WEBHOOK_PATH, FaultyWorld
from tests.providers.simulated import WEBHOOK_SECRET
from tests.world import KEYS


def invoices(world: FaultyWorld) -> Invoices:
    providers: Mapping[str, Provider] = {"solapi": Solapi(world.simulator.url, world.clock)}
    return Invoices(world.as_role("allim_reconcile"), lambda: providers, lambda: KEYS, world.clock)


async def reconciled(world: FaultyWorld, day: dt.date) -> Night:
    return await invoices(world).reconcile([day])


async def kept(world: FaultyWorld) -> list[ComparedDay]:
    async with world.owner.connection() as connection:
        return await compared_days(connection, None, None, limit=100)


async def told(world: FaultyWorld) -> dict[tuple[str, str], int]:
    [day] = await kept(world)
    return {(each.channel, each.reason): each.messages for each in day.differences}


def alerts(world: FaultyWorld) -> list[bool]:
    return [
        row["open"]
        for row in world.rows(
            "select resolved_at = 'infinity' as open from alerts where kind = %s order by raised_at", KIND
        )
    ]


@pytest.fixture
async def today(world: FaultyWorld) -> dt.date:
    """A day on which nothing was sent yet: its noon."""
    now = world.clock.now().astimezone(SEOUL)
    noon = dt.datetime.combine(now.date() + dt.timedelta(days=5), dt.time(12), SEOUL)
    world.clock.advance((noon - now).total_seconds())
    world.rows("delete from invoice_days")
    world.rows("delete from alerts")
    return noon.date()


async def sent(world: FaultyWorld, *recipients: str) -> None:
    await world.queue(*recipients, route="sms", templates=dict.fromkeys(recipients, SMS_ONLY))
    await world.deliver(world.process())


async def test_a_day_that_both_count_alike_differs_in_nothing(world: FaultyWorld, today: dt.date) -> None:
    await world.queue(DELIVERED, NOT_ON_KAKAO, BAD_NUMBER, REFUSED)
    await world.deliver(world.process())
    assert await reconciled(world, today) == Night(1, 0, 0, 0)
    [day] = await kept(world)
    assert (day.day, day.provider, day.tenant, day.account) == (today, "solapi", "academy", "main")
    # Two went on by SMS; one was refused, so it is handed over and not billed.
    assert (day.sums.sent, day.sums.charged, day.sums.billed) == (6, Decimal(35), 5)
    assert day.sums.taken == Decimal(13 + 18)
    assert day.differences == []


FAULTS: dict[str, tuple[dict[str, Any], dict[tuple[str, str], int]]] = {
    "charged twice there": ({"bill_twice": 2}, {("sms", "charged_twice"): 2}),
    "forgotten there": ({"forget_in_bill": 1}, {("sms", "not_seen"): 1}),
    "all forgotten there": ({"forget_in_bill": 3}, {("sms", "nothing_found"): 3}),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_what_is_billed_wrongly_is_found(world: FaultyWorld, today: dt.date, fault: str) -> None:
    plan, expected = FAULTS[fault]
    await sent(world, DELIVERED, "01090005000", "01090005001")
    world.simulator.set_faults_of("solapi", **plan)
    for _ in range(2):
        assert await reconciled(world, today) == Night(1, 1, 0, 0)
        assert await told(world) == expected
    assert alerts(world) == []  # three are within the bounds
    world.simulator.set_faults_of("solapi")
    assert await reconciled(world, today) == Night(1, 0, 0, 0)
    assert await told(world) == {}


async def test_a_report_that_is_late_is_a_difference_until_it_comes(world: FaultyWorld, today: dt.date) -> None:
    world.simulator.set_faults(report_drop_rate=1)
    await sent(world, DELIVERED)
    assert await reconciled(world, today) == Night(1, 1, 0, 0)
    assert await told(world) == {("sms", "late_report"): 1}
    world.simulator.set_faults()
    assert await world.live(world.process())
    await reconciled(world, today)
    assert await told(world) == {}


async def test_what_is_on_its_way_for_both_differs_in_nothing(world: FaultyWorld, today: dt.date) -> None:
    await sent(world, UNTOLD, DELIVERED)
    assert await reconciled(world, today) == Night(1, 0, 0, 0)


async def test_another_price_is_found_in_the_sum(world: FaultyWorld, today: dt.date) -> None:
    await sent(world, DELIVERED)
    world.rows(
        "insert into provider_prices (provider, channel, valid_from, cost) values ('solapi', 'sms', %s, 17)",
        world.clock.now(),
    )
    try:
        await reconciled(world, today)
        [day] = await kept(world)
        [found] = day.differences
        assert (found.channel, found.reason, found.messages, found.won) == ("", "price_differs", 1, Decimal(1))
    finally:
        world.rows("delete from provider_prices where cost = 17")


async def test_many_differences_are_told_to_a_person_until_they_are_gone(world: FaultyWorld, today: dt.date) -> None:
    await sent(world, *(f"0109000{number}" for number in range(5000, 5012)))
    world.simulator.set_faults_of("solapi", bill_twice=12)
    world.clock.advance(86_400)
    night = invoices(world)
    assert (await night.reconcile()).differing == 1
    [alert] = world.rows("select tenant, detail from alerts where kind = %s", KIND)
    assert alert["tenant"] == "academy"
    assert "charged_twice sms 12 messages" in alert["detail"]
    assert (await night.reconcile()).differing == 1
    assert alerts(world) == [True]
    world.simulator.set_faults_of("solapi")
    assert (await night.reconcile()).differing == 0
    assert alerts(world) == [False]


async def test_an_account_that_can_not_be_asked_stops_no_other(world: FaultyWorld, today: dt.date) -> None:
    words = {SMS_ONLY: {"sms": {"text": "#{이름}님, 곧 시작됩니다."}}}
    other = await world.tenant(templates=words, account=False)
    async with world.owner.transaction() as connection:
        account = world.simulator.add_account(other)
        await register_account(connection, KEYS, account, now=world.clock.now())
    for tenant in (TENANT, other):
        await world.queue(DELIVERED, route="sms", templates={DELIVERED: SMS_ONLY}, tenant=tenant)
    await world.deliver(world.process())
    world.simulator.set_faults_of("solapi", drop_before={"count": 1, "on": "statistics"})
    # The other account has no webhook: what it delivered is heard of later.
    assert (await reconciled(world, today))[::2] == (1, 1)
    assert (await reconciled(world, today))[::2] == (2, 0)
    world.rows("update provider_accounts set credentials = 'broken'::bytea where tenant = %s", other)
    assert (await reconciled(world, today))[::2] == (1, 1)
    assert {day.tenant for day in await kept(world)} == {TENANT, other}


async def test_a_failure_that_somebody_forged_who_knows_the_secret_is_found(world: FaultyWorld, today: dt.date) -> None:
    """The secret of a webhook is the same with every call, and its tenant knows it: what it forges frees a message of
    its charge, and not of the provider's bill."""
    world.simulator.set_faults(report_drop_rate=1)
    [message] = await world.queue(DELIVERED, route="sms", templates={DELIVERED: SMS_ONLY})
    process = world.process()
    await world.deliver(process)
    forged = {"messageId": "M1", "statusCode": "3040", "customFields": {"allim": f"{message}/0/sms"}}
    headers = {"x-solapi-secret": webhook_proof(WEBHOOK_SECRET)}
    await process.called(WEBHOOK_PATH, headers, orjson.dumps([forged]))
    await world.deliver(process)
    assert world.message(message)["status"] == "failed"
    await reconciled(world, today)
    assert await told(world) == {("sms", "refunded"): 1}


async def test_days_of_long_ago_are_forgotten_by_night(world: FaultyWorld, today: dt.date) -> None:
    await sent(world, DELIVERED)
    await reconciled(world, today)
    world.rows("update invoice_days set day = day - 401")
    await invoices(world).reconcile()
    assert await kept(world) == []

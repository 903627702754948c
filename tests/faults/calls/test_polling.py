"""Reports of accounts whose provider does not call: each account is asked, at its pace, for what has ended since."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from shared.contracts.outcomes import Outcome
from shared.messages.reports.naming import told_by
from shared.providers import ProviderAccount, Settlement, Word
from shared.tenants.accounts import register_account
from tests.faults.calls.test_nhn_faults import TEMPLATES, queue
from tests.faults.calls.vendor import Vendor
from tests.faults.fates import BAD_NUMBER, DELIVERED, UNTOLD
from tests.faults.world import TENANT, FaultyWorld, Process
from tests.world import KEYS

MINUTE, DAY = 60, 86_400
RECIPIENTS = ("01090005000", "01090005001", "01090005002")


@pytest.fixture
async def unheard(world: FaultyWorld) -> AsyncIterator[ProviderAccount]:
    """An account at NHN Cloud without a webhook."""
    account = world.simulator.add_app(await world.tenant(templates=TEMPLATES, account=False))
    await register(world, account)
    yield account
    world.simulator.set_faults()


async def register(world: FaultyWorld, account: ProviderAccount) -> None:
    async with world.owner.transaction() as connection:
        await register_account(connection, KEYS, account, now=world.clock.now())


async def poll(world: FaultyWorld, process: Process, after: float = 0) -> None:
    world.clock.advance(after)
    for result in await process.run(process.poller.poll()):
        assert result is None


def asked(process: Process) -> int:
    return sum(boundary.startswith("before GET") and "message-results" in boundary for boundary in process.boundaries)


async def test_what_has_ended_is_asked_for_and_an_account_without_open_calls_is_not(
    world: FaultyWorld, unheard: ProviderAccount
) -> None:
    delivered, failed = await queue(world, unheard.tenant, DELIVERED, BAD_NUMBER)
    process = world.process()
    await poll(world, process)
    assert asked(process) == 0
    await world.deliver(process)
    await poll(world, process, 1)
    assert (world.message(delivered)["status"], world.message(failed)["status"]) == ("delivered", "failed")
    assert world.message(failed)["reason"] == "3003"
    for _ in range(5):
        await poll(world, process, MINUTE)
    assert asked(process) == 1


async def test_an_account_is_asked_once_a_minute_whoever_sends_by_it_and_however_much(
    world: FaultyWorld, unheard: ProviderAccount
) -> None:
    twin = replace(unheard, tenant=await world.tenant(templates=TEMPLATES, account=False))
    await register(world, twin)
    messages = [
        message
        for tenant in (unheard.tenant, twin.tenant) * 3
        for message in await queue(world, tenant, UNTOLD, "01090003000")
    ]
    process, other = world.process(), world.process()
    await world.deliver(process)
    for _ in range(30):
        await poll(world, process, 10)
        await poll(world, other)
    assert asked(process) + asked(other) == 5
    world.simulator.report("1000", to=UNTOLD, provider="nhn")
    await poll(world, process, MINUTE)
    assert {world.message(message)["status"] for message in messages} == {"delivered"}
    assert world.table("dead_letters") == []


async def test_what_ended_while_the_provider_was_away_for_days_is_asked_for_day_by_day(
    world: FaultyWorld, unheard: ProviderAccount
) -> None:
    first, second = await queue(world, unheard.tenant, UNTOLD), await queue(world, unheard.tenant, BAD_NUMBER)
    process = world.process()
    world.simulator.set_faults_of("nhn", report_delay_ms=600_000)
    await world.deliver(process)
    world.simulator.set_faults_of("nhn", outage=True)
    world.clock.advance(10 * MINUTE)
    await poll(world, process)
    world.simulator.report("1000", to=UNTOLD, provider="nhn")
    await poll(world, process, 3 * DAY)
    world.simulator.set_faults_of("nhn")
    assert world.message(*first)["status"] == "sent"
    await poll(world, process, MINUTE)
    assert world.message(*first)["status"] == "delivered"
    assert world.message(*second)["status"] == "sent"


@pytest.mark.parametrize("unreadable", [True, False])
async def test_an_account_that_can_not_be_asked_keeps_no_other_waiting(
    world: FaultyWorld, unheard: ProviderAccount, unreadable: bool
) -> None:
    other = world.simulator.add_app(await world.tenant(templates=TEMPLATES, account=False))
    await register(world, other)
    await queue(world, unheard.tenant, DELIVERED)
    [message] = await queue(world, other.tenant, DELIVERED)
    process = world.process()
    await world.deliver(process)
    if unreadable:
        world.rows("update provider_accounts set credentials = 'x' where tenant = %s", unheard.tenant)
    else:
        await register(world, replace(unheard, secrets={**unheard.secrets, "secret_key": "of nobody"}))
    fresh = world.process()
    await poll(world, fresh, 1)
    assert world.message(message)["status"] == "delivered"


async def test_where_nothing_of_ours_travels_the_call_and_the_recipient_tell_the_message(world: FaultyWorld) -> None:
    vendor = Vendor(Settlement.MATCHED)
    vendor.outcome = None
    tenants = [TENANT, await world.tenant(templates=TEMPLATES, account=False)]
    await register(world, replace(world.provider_account, tenant=tenants[1]))
    messages = [message for tenant in tenants for message in await queue(world, tenant, *RECIPIENTS)]
    process = world.process(vendor=vendor)
    await world.deliver(process)
    vendor.outcome = Outcome.DELIVERED, "0"
    words = [word for batch in {taken.batch for taken in vendor.taken} for word in vendor.words(batch)]
    strange = [Word("of nobody", RECIPIENTS[0], "M", "sms", "0", Outcome.DELIVERED)]
    told = await told_by(world.owner, world.provider_account, [*words, *strange])
    assert {(each.tenant, each.report.message) for each in told} == {
        (row["tenant"], row["id"]) for row in world.table("messages")
    }
    await process.reports.record(told)
    assert {world.message(message)["status"] for message in messages} == {"delivered"}


async def test_a_late_word_is_of_the_attempt_that_was_made_by_its_call(world: FaultyWorld) -> None:
    vendor = Vendor(Settlement.MATCHED)
    vendor.outcome = None
    [message] = await world.queue(RECIPIENTS[0], route=[{"alimtalk": 300}, {"sms": 3_600}])
    process = world.process(vendor=vendor)
    await world.deliver(process)
    world.clock.advance(301)
    await process.run(process.sweeper.deadlines())
    await world.deliver(process)
    first, second = (taken.batch for taken in vendor.taken)
    assert world.message(message)["attempt"] == 1
    vendor.outcome = Outcome.DELIVERED, "0"
    told = await told_by(world.owner, world.provider_account, [*vendor.words(first), *vendor.words(second)])
    assert [(each.report.message, each.report.attempt) for each in told] == [(message, 0), (message, 1)]

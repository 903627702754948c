"""What providers say late, twice, in another order, or never; and routes that go on without them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import UUID

import pytest

from shared.contracts.channels import last_word_of
from shared.contracts.outcomes import Outcome
from shared.contracts.reports import ProviderReport, ReportBatch
from shared.messages.dispatch.dispatching import FIRST_CHECK
from shared.tenants.accounts import register_account
from tests.faults.fates import DELIVERED, FATES, NOT_ON_KAKAO, UNTOLD, assert_each_has_its_fate, queue_one_of_each
from tests.faults.world import DAY, TEMPLATES, TENANT, FaultyWorld, Process
from tests.world import KEYS

DEADLINE = 300
ROUTE = [{"alimtalk": DEADLINE}, {"sms": 3_600}]


async def sweep(world: FaultyWorld, process: Process, after: float) -> None:
    """Let time pass, sweep, and hand over what comes of it."""
    world.clock.advance(after)
    for result in await process.run(process.sweep()):
        assert result is None
    await world.deliver(process)


def told(message: UUID, outcome: Outcome, code: str, *, attempt: int = 0, channel: str = "alimtalk") -> ReportBatch:
    report = ProviderReport(
        message=message, attempt=attempt, channel=channel, provider_message_id="M1", code=code, outcome=outcome
    )
    return ReportBatch(tenant=TENANT, provider="solapi", account="main", reports=(report,))


def alimtalk_id(world: FaultyWorld) -> str:
    [id_] = [entry["messageId"] for entry in world.simulator.accepted() if entry["type"] == "ATA"]
    return str(id_)


async def test_reports_that_come_twice_and_in_any_order_change_nothing_more(world: FaultyWorld) -> None:
    taken_before = world.simulator.reports()["taken"]
    world.simulator.set_faults(report_repeat_rate=1, report_reorder=True)
    sent = await queue_one_of_each(world)
    process = world.process()
    assert await world.live(process)
    each_at_carrier_and_final_and_again = 2 * 2 * len(world.simulator.accepted())
    await world.reports_brought(taken_before + each_at_carrier_and_final_and_again)
    await world.deliver(process)
    await assert_each_has_its_fate(world, sent)


async def test_two_tenants_of_one_account_have_their_reports_though_the_provider_calls_one_of_them(
    world: FaultyWorld,
) -> None:
    shop = await world.tenant(templates=TEMPLATES, account=False)
    account = replace(world.provider_account, tenant=shop)
    account = replace(account, secrets={**account.secrets, "webhook_secret": "the shop's own"})
    async with world.owner.transaction() as connection:
        await register_account(connection, KEYS, account, now=world.clock.now())
    recipients = [DELIVERED, NOT_ON_KAKAO]
    ours = await world.queue(*recipients)
    theirs = await world.queue(*recipients, tenant=shop)
    process = world.process()
    assert await world.live(process)
    for messages in (ours, theirs):
        for recipient, message in zip(recipients, messages, strict=True):
            assert FATES[recipient].is_that_of(world.message(message))
    assert world.table("dead_letters") == []


async def test_every_ticket_and_report_may_come_again_after_the_end(world: FaultyWorld) -> None:
    sent = await queue_one_of_each(world)
    process = world.process()
    assert await world.live(process)
    world.bus.messages += reversed(world.bus.ever_published)
    await world.deliver(process)
    await assert_each_has_its_fate(world, sent)


async def test_reports_that_never_come_are_asked_for(world: FaultyWorld) -> None:
    world.simulator.set_faults(report_drop_rate=1)
    [message] = await world.queue(DELIVERED)
    process = world.process()
    await world.deliver(process)
    assert (world.message(message))["status"] == "sent"
    await sweep(world, process, FIRST_CHECK.total_seconds() - 1)
    assert (world.message(message))["status"] == "sent"
    await sweep(world, process, 1)
    assert (world.message(message))["status"] == "delivered"


async def test_a_passed_deadline_moves_a_message_on_once(world: FaultyWorld) -> None:
    [message] = await world.queue(UNTOLD, route=ROUTE)
    process, twin = world.process(), world.process()
    await world.deliver(process)
    await sweep(world, process, DEADLINE - 1)
    assert world.accepted()[message] == ["ATA"]
    world.clock.advance(600)
    await asyncio.gather(process.run(process.sweep()), twin.run(twin.sweep()))
    await asyncio.gather(world.deliver(process), world.deliver(twin))
    for _ in range(5):
        await sweep(world, process, 100)
    assert world.accepted()[message] == ["ATA", "SMS"]
    row = world.message(message)
    assert (row["status"], row["channel"], row["attempt"]) == ("sent", "sms", 1)


@pytest.mark.parametrize("deadline", [5, 45, 400])
async def test_a_deadline_is_kept_when_it_comes(world: FaultyWorld, deadline: int) -> None:
    [message] = await world.queue(UNTOLD, route=[{"alimtalk": deadline}, {"sms": 2 * DAY}])
    process = world.process()
    await world.deliver(process)
    for second in (30, 90):
        if second < deadline:
            await sweep(world, process, second - (30 if second == 90 else 0))
    begun = world.clock.now() - (world.message(message))["created_at"]
    await sweep(world, process, deadline - begun.total_seconds() - 1)
    assert world.accepted()[message] == ["ATA"]
    await sweep(world, process, 2)
    assert world.accepted()[message] == ["ATA", "SMS"]


async def test_an_alimtalk_delivered_after_its_deadline_is_a_delivery(world: FaultyWorld) -> None:
    [message] = await world.queue(UNTOLD, route=ROUTE)
    process = world.process()
    await world.deliver(process)
    await sweep(world, process, DEADLINE + 600)
    assert world.accepted()[message] == ["ATA", "SMS"]
    world.simulator.report("4000", messageId=alimtalk_id(world))
    await world.reports_brought()
    await world.deliver(process)
    delivered = world.message(message)
    assert (delivered["status"], delivered["channel"], delivered["price"]) == ("delivered", "alimtalk", 15)
    await process.reports.record_batch(told(message, Outcome.FAILED, "3043", attempt=1, channel="sms"))
    assert (world.message(message))["status"] == "delivered"
    assert world.accepted()[message] == ["ATA", "SMS"]


async def test_an_alimtalk_delivered_before_its_sms_is_sent_needs_no_sms(world: FaultyWorld) -> None:
    [message] = await world.queue(UNTOLD, route=ROUTE)
    process = world.process()
    await world.deliver(process)
    world.clock.advance(DEADLINE + 600)
    await process.sweeper.check()
    assert (world.message(message))["status"] == "queued"
    world.simulator.report("4000", messageId=alimtalk_id(world))
    await world.reports_brought()
    tickets, world.bus.messages = world.bus.messages, []
    await world.deliver(process)
    world.bus.messages += tickets
    assert await world.live(process)
    assert world.accepted()[message] == ["ATA"]
    assert (world.message(message))["status"] == "delivered"


async def test_a_deadline_does_not_pass_unasked(world: FaultyWorld) -> None:
    """The provider can't be asked: that says nothing of the message, which may long be delivered."""
    world.simulator.set_faults(report_drop_rate=1)
    [message] = await world.queue(DELIVERED, route=ROUTE)
    process = world.process()
    await world.deliver(process)
    world.simulator.set_faults(outage=True)
    await sweep(world, process, DEADLINE + 600)
    assert (world.message(message))["status"] == "sent"
    world.simulator.set_faults()
    await sweep(world, process, 4_000)
    assert (world.message(message))["status"] == "delivered"
    assert world.accepted()[message] == ["ATA"]


async def test_what_may_still_arrive_does_not_fall_back(world: FaultyWorld) -> None:
    [message] = await world.queue(UNTOLD, route=ROUTE)
    process = world.process()
    await world.deliver(process)
    await process.reports.record_batch(told(message, Outcome.UNCONFIRMED, "3005"))
    for _ in range(20):
        await sweep(world, process, DEADLINE)
    row = world.message(message)
    assert (row["status"], row["reason"]) == ("unknown", "3005")
    assert world.accepted()[message] == ["ATA"]


@pytest.mark.parametrize(
    ("outcome", "code", "types"), [(Outcome.DELIVERED, "4000", ["ATA"]), (Outcome.FAILED, "3104", ["ATA", "SMS"])]
)
async def test_what_may_still_arrive_is_decided_by_the_next_report(
    world: FaultyWorld, outcome: Outcome, code: str, types: list[str]
) -> None:
    [message] = await world.queue(NOT_ON_KAKAO if outcome is Outcome.FAILED else DELIVERED, route=ROUTE)
    world.simulator.set_faults(report_delay_ms=600_000)
    process = world.process()
    await world.deliver(process)
    await process.reports.record_batch(told(message, Outcome.UNCONFIRMED, "3005"))
    await process.reports.record_batch(told(message, outcome, code))
    world.simulator.set_faults()
    assert await world.live(process)
    row = world.message(message)
    assert (row["status"], row["reason"]) == ("delivered", None)
    assert world.accepted()[message] == types


async def test_as_long_as_a_report_may_take_without_one_is_the_end_of_waiting(world: FaultyWorld) -> None:
    [message] = await world.queue(UNTOLD, route="sms")
    process = world.process()
    await world.deliver(process)
    for _ in range(80):
        await sweep(world, process, 3_600)
    row = world.message(message)
    assert (row["status"], row["reason"]) == ("failed", "no_report")
    assert world.clock.now() - row["created_at"] >= last_word_of("sms")
    world.simulator.report("4000", messageId=world.simulator.accepted()[0]["messageId"])
    await world.reports_brought()
    await world.deliver(process)
    assert (world.message(message))["status"] == "delivered"


async def test_a_message_delivered_on_both_channels_is_charged_once(world: FaultyWorld) -> None:
    [message] = await world.queue(UNTOLD, route=ROUTE)
    process = world.process()
    await world.deliver(process)
    await sweep(world, process, DEADLINE + 600)
    await process.reports.record_batch(told(message, Outcome.DELIVERED, "4000", attempt=1, channel="sms"))
    charged = (world.message(message))["price"]
    await process.reports.record_batch(told(message, Outcome.DELIVERED, "4000"))
    row = world.message(message)
    assert (row["status"], row["price"]) == ("delivered", charged)

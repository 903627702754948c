"""NHN Cloud's SMS from a ticket to its report, while answers, calls and reports are lost, wrong, late and forged."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.channels import last_word_of
from shared.tenants.accounts import register_account
from tests.faults.boundaries import Hook
from tests.faults.fates import BAD_NUMBER, DELIVERED, REFUSED, UNTOLD
from tests.faults.world import SMS_ONLY, Crash, FaultyWorld, Process
from tests.world import KEYS

WHOLE_CALL_REFUSED = "01090001060"
LONG = "long"
TEMPLATES: dict[str, Any] = {
    SMS_ONLY: {"sms": {"text": "#{이름}님, 수업이 곧 시작됩니다."}},
    LONG: {"sms": {"text": "#{이름}님, " + "수업이 곧 시작됩니다. " * 8}},
    "both-channels": {"alimtalk": {"code": "KA", "text": "#{이름}님, 곧 시작됩니다."}},
}
SEND = r"POST .*/sender/"
ROUNDS = 60


@pytest.fixture
async def nursery(world: FaultyWorld) -> AsyncIterator[str]:
    """A tenant that sends by NHN Cloud."""
    tenant = await world.tenant(templates=TEMPLATES, account=False)
    account = world.simulator.add_app(tenant, webhook_url=f"{world.hook_url}nhn/{tenant}/main")
    async with world.owner.transaction() as connection:
        await register_account(connection, KEYS, account, now=world.clock.now())
    world.hooked.strangers = 0
    yield tenant
    world.simulator.set_faults()


async def queue(world: FaultyWorld, tenant: str, *recipients: str, **templates: str) -> list[UUID]:
    named = {recipient: templates.get(f"of_{recipient}", SMS_ONLY) for recipient in recipients}
    return await world.queue(*recipients, route="sms", templates=named, tenant=tenant)


def accepted(world: FaultyWorld, message: UUID) -> list[str]:
    """The types by which the provider really took a message."""
    return [
        entry["type"]
        for entry in world.simulator.accepted()
        if entry.get("recipientGroupingKey", "").startswith(f"{message}/")
    ]


def end(world: FaultyWorld, message: UUID) -> tuple[list[str], str, str | None]:
    row = world.message(message)
    return accepted(world, message), row["status"], row["reason"]


async def test_each_message_goes_by_its_kind_and_comes_to_its_fate(world: FaultyWorld, nursery: str) -> None:
    recipients = (DELIVERED, BAD_NUMBER, REFUSED, WHOLE_CALL_REFUSED, "01090005000")
    sent = await queue(world, nursery, *recipients, of_01090005000=LONG)
    assert await world.live(world.process())
    assert [end(world, message) for message in sent] == [
        (["SMS"], "delivered", None),
        (["SMS"], "failed", "3003"),
        ([], "failed", "-2019"),
        ([], "failed", "-2019"),
        (["LMS"], "delivered", None),
    ]
    assert {row["state"] for row in world.table("dispatches")} <= {"closed", "abandoned"}
    assert world.table("dead_letters") == []


async def test_a_channel_that_the_provider_does_not_carry_is_gone_on_from(world: FaultyWorld, nursery: str) -> None:
    [message] = await world.queue(DELIVERED, tenant=nursery)
    assert await world.live(world.process())
    row = world.message(message)
    assert (row["status"], row["channel"], accepted(world, message)) == ("delivered", "sms", ["SMS"])
    [alone] = await world.queue(DELIVERED, route="alimtalk", tenant=nursery)
    assert await world.live(world.process())
    assert end(world, alone) == ([], "failed", "channel_not_carried")


FAULTS: dict[str, dict[str, Any]] = {
    "connection lost before": {"drop_before": {"count": 1, "on": SEND}},
    "answer lost after acceptance": {"accept_then_drop": {"count": 1, "on": SEND}},
    "and the first look-ups too": {"accept_then_drop": {"count": 4, "on": "/sender/"}},
    "200 with a failure inside": {"fail_inside": {"count": 1, "on": SEND}},
    "accepted, and 200 with a failure inside": {"accept_then_fail": {"count": 1, "on": SEND}},
    "asked for a pause": {"too_many": {"count": 2, "on": SEND}, "retry_after": 30},
    "lists that are late": {"accept_then_drop": {"count": 1, "on": SEND}, "list_delay_ms": 100_000},
    "no webhooks": {"report_drop_rate": 1},
    "webhooks twice and in any order": {"report_repeat_rate": 1, "report_reorder": True},
    "webhooks misspelt": {"report_misspelt_rate": 1},
    "webhooks forged before the true ones": {"report_forge_rate": 1},
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_whatever_goes_wrong_each_message_is_sent_once(world: FaultyWorld, nursery: str, fault: str) -> None:
    world.simulator.set_faults_of("nhn", **FAULTS[fault])
    sent = await queue(world, nursery, DELIVERED, BAD_NUMBER)
    assert await world.live(world.process(), ROUNDS)
    assert [end(world, message) for message in sent] == [(["SMS"], "delivered", None), (["SMS"], "failed", "3003")]
    assert (world.hooked.strangers > 0) == ("forged" in fault)


async def test_an_outage_of_one_provider_is_no_others(world: FaultyWorld, nursery: str) -> None:
    world.simulator.set_faults_of("nhn", outage=True)
    [ours] = await queue(world, nursery, DELIVERED)
    [theirs] = await world.queue(DELIVERED, route="sms", templates={DELIVERED: SMS_ONLY})
    await world.deliver(world.process())
    assert world.message(theirs)["status"] == "delivered"
    assert world.message(ours)["status"] == "sending"
    world.simulator.set_faults_of("nhn")
    assert await world.live(world.process())
    assert end(world, ours) == (["SMS"], "delivered", None)


def ending_after(number: int) -> Hook:
    done = itertools.count()

    async def hook(boundary: str) -> None:
        if boundary.startswith("after") and next(done) == number:
            raise Crash(boundary)

    return hook


@pytest.mark.parametrize("reports", ["webhook", "look-up"])
async def test_a_crash_at_any_moment_neither_loses_nor_doubles_a_message(
    world: FaultyWorld, nursery: str, reports: str
) -> None:
    for number in itertools.count():
        await world.start_over()
        if reports == "look-up":
            world.simulator.set_faults(report_drop_rate=1)
        sent = await queue(world, nursery, DELIVERED, BAD_NUMBER, REFUSED, WHOLE_CALL_REFUSED)
        lived = await world.live(world.process(ending_after(number)), ROUNDS)
        assert await world.live(world.process(), ROUNDS)
        assert [end(world, message) for message in sent] == [
            (["SMS"], "delivered", None),
            (["SMS"], "failed", "3003"),
            ([], "failed", "-2019"),
            ([], "failed", "-2019"),
        ], number
        if lived:
            break


async def _passing(world: FaultyWorld, process: Process, hours: int) -> None:
    for _ in range(hours):
        world.clock.advance(3600)
        for result in await process.run(process.sweep()):
            assert result is None
        await world.deliver(process)


@pytest.mark.parametrize(("kind", "channel"), [(SMS_ONLY, "sms"), (LONG, "lms")])
async def test_the_carriers_last_word_is_waited_for(world: FaultyWorld, nursery: str, kind: str, channel: str) -> None:
    [message] = await queue(world, nursery, UNTOLD, **{f"of_{UNTOLD}": kind})
    process = world.process()
    await world.deliver(process)
    hours = int(last_word_of(channel).total_seconds()) // 3600
    await _passing(world, process, hours - 1)
    row = world.message(message)
    assert (row["status"], row["channel"]) == ("sent", channel)
    [entry] = world.simulator.accepted()
    world.simulator.report("2000", messageId=entry["messageId"], provider="nhn")
    await world.reports_brought()
    await world.deliver(process)
    assert end(world, message)[1:] == ("failed", "2000")
    assert world.rows("select held from credit_accounts where tenant = %s", nursery) == [{"held": 0}]


async def test_a_month_without_room_is_waited_out_for_some_hours_and_then_told(
    world: FaultyWorld, nursery: str
) -> None:
    tenant = await world.tenant(templates=TEMPLATES, account=False)
    async with world.owner.transaction() as connection:
        account = world.simulator.add_app(tenant, monthlyQuota=1)
        await register_account(connection, KEYS, account, now=world.clock.now())
    first, second = await queue(world, tenant, DELIVERED), await queue(world, tenant, BAD_NUMBER)
    assert await world.live(world.process(), ROUNDS)
    ends = sorted(end(world, message)[1:] for message in (*first, *second))
    assert ends[0][1] in (None, "provider_unavailable")
    assert "-2052" in " ".join(str(row["detail"]) for row in world.table("messages"))

"""NHN Cloud's KakaoTalk from a ticket to its report, while answers, calls and reports are lost, wrong, late, forged."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.channels import last_word_of
from shared.tenants.accounts import register_account
from tests.faults.calls.test_nhn_faults import ending_after
from tests.faults.fates import BAD_NUMBER, DELIVERED, NOT_ON_KAKAO, REFUSED, UNTOLD
from tests.faults.world import FaultyWorld
from tests.providers.simulated import NHN_TEMPLATE, SENDER_KEY, TEMPLATE_TEXT
from tests.world import KEYS

WHOLE_CALL_REFUSED = "01090001060"
LESSON, UNKNOWN_TEMPLATE = "lesson", "unknown-template"
TEMPLATES: dict[str, Any] = {
    LESSON: {"alimtalk": {"code": NHN_TEMPLATE, "text": TEMPLATE_TEXT}},
    UNKNOWN_TEMPLATE: {"alimtalk": {"code": "nobody", "text": TEMPLATE_TEXT}},
}
SEND = r"POST .*/messages"
ROUNDS = 60
ALIMTALK = ["ALIMTALK"]


@pytest.fixture
async def nursery(world: FaultyWorld) -> AsyncIterator[str]:
    """A tenant that sends by NHN Cloud's KakaoTalk service, whose console would send texts in place of what failed."""
    tenant = await world.tenant(templates=TEMPLATES, account=False)
    account = world.simulator.add_kakao_app(
        tenant, webhook_url=f"{world.hook_url}nhn_kakao/{tenant}/main", resends=True
    )
    async with world.owner.transaction() as connection:
        await register_account(connection, KEYS, account, now=world.clock.now())
    world.hooked.strangers = 0
    yield tenant
    world.simulator.set_faults()


async def queue(world: FaultyWorld, tenant: str, *recipients: str, template: str = LESSON) -> list[UUID]:
    return await world.queue(
        *recipients, route="alimtalk", templates=dict.fromkeys(recipients, template), tenant=tenant
    )


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


RECIPIENTS = (DELIVERED, NOT_ON_KAKAO, BAD_NUMBER, REFUSED, WHOLE_CALL_REFUSED)
ENDS = [
    (ALIMTALK, "delivered", None),
    (ALIMTALK, "failed", "3019"),
    (ALIMTALK, "failed", "3008"),
    ([], "failed", "-5000"),
    ([], "failed", "-4019"),
]


async def test_each_message_comes_to_its_fate_and_no_text_of_nhns_is_added(world: FaultyWorld, nursery: str) -> None:
    sent = await queue(world, nursery, *RECIPIENTS)
    [strange] = await queue(world, nursery, "01090005000", template=UNKNOWN_TEMPLATE)
    assert await world.live(world.process())
    assert [end(world, message) for message in sent] == ENDS
    assert end(world, strange) == ([], "failed", "-3003")
    assert {row["state"] for row in world.table("dispatches")} <= {"closed", "abandoned"}
    assert world.table("dead_letters") == []


FAULTS: dict[str, dict[str, Any]] = {
    "connection lost before": {"drop_before": {"count": 1, "on": SEND}},
    "answer lost after acceptance": {"accept_then_drop": {"count": 1, "on": SEND}},
    "three answers lost": {"accept_then_drop": {"count": 3, "on": SEND}},
    "and the first look-ups too": {"accept_then_drop": {"count": 6, "on": "/messages"}},
    "200 with a failure inside": {"fail_inside": {"count": 1, "on": SEND}},
    "accepted, and 200 with a failure inside": {"accept_then_fail": {"count": 1, "on": SEND}},
    "asked for a pause": {"too_many": {"count": 2, "on": SEND}, "retry_after": 30},
    "asked for a pause of its choice": {"too_many": {"count": 1, "on": SEND}},
    "half of the answers are 500": {"error_rate": 0.5},
    "lists that are late": {"accept_then_drop": {"count": 1, "on": SEND}, "list_delay_ms": 100_000},
    "no webhooks": {"report_drop_rate": 1},
    "webhooks twice and in any order": {"report_repeat_rate": 1, "report_reorder": True},
    "webhooks misspelt": {"report_misspelt_rate": 1},
    "webhooks forged before the true ones": {"report_forge_rate": 1},
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_whatever_goes_wrong_each_message_is_sent_once(world: FaultyWorld, nursery: str, fault: str) -> None:
    world.simulator.set_faults_of("nhn", **FAULTS[fault])
    sent = await queue(world, nursery, DELIVERED, NOT_ON_KAKAO)
    assert await world.live(world.process(), ROUNDS)
    assert [end(world, message) for message in sent] == ENDS[:2]
    assert (world.hooked.strangers > 0) == ("forged" in fault)


async def test_an_outage_of_nhn_is_one_of_both_its_services(world: FaultyWorld, nursery: str) -> None:
    world.simulator.set_faults_of("nhn_kakao", outage=True)
    [message] = await queue(world, nursery, DELIVERED)
    await world.deliver(world.process())
    assert world.message(message)["status"] == "sending"
    world.simulator.set_faults_of("nhn")
    assert await world.live(world.process())
    assert end(world, message) == ENDS[0]


@pytest.mark.parametrize("reports", ["webhook", "look-up"])
async def test_a_crash_at_any_moment_neither_loses_nor_doubles_a_message(
    world: FaultyWorld, nursery: str, reports: str
) -> None:
    for number in itertools.count():
        await world.start_over()
        if reports == "look-up":
            world.simulator.set_faults(report_drop_rate=1)
        sent = await queue(world, nursery, *RECIPIENTS)
        lived = await world.live(world.process(ending_after(number)), ROUNDS)
        assert await world.live(world.process(), ROUNDS)
        assert [end(world, message) for message in sent] == ENDS, number
        if lived:
            break


@pytest.mark.parametrize(("last", "status", "reason"), [("1000", "delivered", None), ("9999", "failed", "no_report")])
async def test_what_was_not_confirmed_may_arrive_for_three_days_and_nothing_is_sent_in_its_place(
    world: FaultyWorld, nursery: str, last: str, status: str, reason: str | None
) -> None:
    both = [{"alimtalk": 300}, {"sms": 3_600}]
    [message] = await world.queue(UNTOLD, route=both, templates={UNTOLD: LESSON}, tenant=nursery)
    process = world.process()
    await world.deliver(process)
    [entry] = world.simulator.accepted()
    world.simulator.report("3005", messageId=entry["messageId"], provider="nhn_kakao")
    await world.reports_brought()
    hours = int(last_word_of("alimtalk").total_seconds()) // 3600
    for _ in range(hours - 1):
        await world.deliver(process)
        world.clock.advance(3600)
        for result in await process.run(process.sweep(), process.sweeper.deadlines()):
            assert result is None
    assert world.message(message)["status"] == "unknown"
    assert world.rows("select held > 0 as held from credit_accounts where tenant = %s", nursery) == [{"held": True}]
    if last == "1000":
        world.simulator.report(last, messageId=entry["messageId"], provider="nhn_kakao")
        await world.reports_brought()
    assert await world.live(process, ROUNDS)
    assert accepted(world, message) == ALIMTALK
    assert world.message(message)["status"] == status or reason
    assert world.rows("select held from credit_accounts where tenant = %s", nursery) == [{"held": 0}]


async def test_a_template_that_waits_for_its_inspection_fails_and_says_so(world: FaultyWorld) -> None:
    tenant = await world.tenant(templates=TEMPLATES, account=False)
    waiting = {"templateCode": NHN_TEMPLATE, "senderKey": SENDER_KEY, "content": TEMPLATE_TEXT, "status": "TSC02"}
    account = world.simulator.add_kakao_app(tenant, templates=[waiting])
    async with world.owner.transaction() as connection:
        await register_account(connection, KEYS, account, now=world.clock.now())
    [message] = await queue(world, tenant, DELIVERED)
    assert await world.live(world.process(), ROUNDS)
    assert end(world, message) == ([], "failed", "-3005")

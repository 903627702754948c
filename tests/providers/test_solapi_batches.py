"""Batches at SOLAPI: handed over, sent once, asked about, taken back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from shared.contracts.outcomes import Outcome
from shared.providers import BatchState, OutboundMessage, ProviderAccount, ProviderRefused, ProviderUnavailable
from shared.providers.solapi import Solapi
from tests.clock import SettableClock
from tests.providers.simulated import SENDER, TEMPLATE_CODE, Simulator

DELIVERED, NOT_ON_KAKAO, NOT_REGISTERED, UNTOLD = "01090004000", "01090003104", "01090001062", "01090003000"


def alimtalk(to: str = DELIVERED) -> OutboundMessage:
    text = "하나님, 수업이 곧 시작됩니다."
    return OutboundMessage(uuid4(), 0, "alimtalk", to, text, template_code=TEMPLATE_CODE, variables={"이름": "하나"})


def sms(to: str = DELIVERED, *, attempt: int = 1) -> OutboundMessage:
    return OutboundMessage(uuid4(), attempt, "sms", to, "수업이 곧 시작됩니다.")


async def handed_over(solapi: Solapi, account: ProviderAccount, *messages: OutboundMessage) -> str:
    prepared = await solapi.prepare(account, messages)
    assert prepared.batch is not None
    return prepared.batch


async def test_what_is_handed_over_is_not_sent_yet(
    solapi: Solapi, account: ProviderAccount, simulator: Simulator
) -> None:
    message = sms()
    prepared = await solapi.prepare(account, [message])
    assert [entry.message for entry in prepared.accepted] == [message.message]
    assert prepared.accepted[0].provider_message_id
    assert not prepared.refused
    assert simulator.accepted() == []


async def test_a_message_carries_our_id_its_attempt_and_channel_there_and_back(
    solapi: Solapi, account: ProviderAccount, simulator: Simulator
) -> None:
    message = sms(attempt=2)
    await solapi.send(account, await handed_over(solapi, account, message))
    [accepted] = simulator.accepted()
    assert accepted["customFields"] == {"allim": f"{message.message}/2/sms"}
    assert (accepted["to"], accepted["from"], accepted["text"]) == (message.to, SENDER, message.text)


async def test_an_alimtalk_goes_by_its_template_and_its_variables(
    solapi: Solapi, account: ProviderAccount, simulator: Simulator
) -> None:
    message = alimtalk()
    await solapi.send(account, await handed_over(solapi, account, message))
    [accepted] = simulator.accepted()
    assert (accepted["type"], accepted["text"]) == ("ATA", message.text)


async def test_solapi_is_told_not_to_fall_back_by_itself(
    solapi: Solapi, account: ProviderAccount, simulator: Simulator
) -> None:
    batch = await handed_over(solapi, account, alimtalk(NOT_ON_KAKAO))
    await solapi.send(account, batch)
    [accepted] = simulator.accepted()
    assert (accepted["type"], accepted["replacement"]) == ("ATA", False)


async def test_every_alimtalk_on_the_wire_switches_the_fallback_off(
    account: ProviderAccount, clock: SettableClock
) -> None:
    bodies: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(request.read())
        if request.url.path.endswith("/groups"):
            return httpx.Response(200, json={"groupId": "G1"})
        results = [
            {"statusCode": "2000", "messageId": "M1", "customFields": {"allim": f"{message.message}/0/alimtalk"}}
        ]
        return httpx.Response(200, json={"resultList": results})

    message = alimtalk()
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        await Solapi("http://solapi.invalid", clock, client).prepare(account, [message])
    assert b'"disableSms":true' in bodies[1]
    assert b'"disableSms":false' not in bodies[1]


async def test_a_subject_makes_the_wire_type_lms(
    solapi: Solapi, account: ProviderAccount, simulator: Simulator
) -> None:
    message = OutboundMessage(uuid4(), 0, "lms", DELIVERED, "내용", subject="제목")
    await solapi.send(account, await handed_over(solapi, account, message))
    assert [accepted["type"] for accepted in simulator.accepted()] == ["LMS"]


async def test_a_batch_of_refused_messages_has_nothing_to_send(solapi: Solapi, account: ProviderAccount) -> None:
    message = sms(NOT_REGISTERED)
    prepared = await solapi.prepare(account, [message])
    assert prepared.batch is None
    assert not prepared.accepted
    [refused] = prepared.refused
    assert (refused.message, refused.attempt, refused.channel) == (message.message, 1, "sms")
    assert (refused.code, refused.outcome, refused.detail) == ("1062", Outcome.FAILED, "발신번호 미등록")


async def test_a_refused_message_does_not_hold_up_the_others(
    solapi: Solapi, account: ProviderAccount, simulator: Simulator
) -> None:
    good, bad, also_good = sms(), sms(NOT_REGISTERED), alimtalk()
    prepared = await solapi.prepare(account, [good, bad, also_good])
    assert [entry.message for entry in prepared.accepted] == [good.message, also_good.message]
    assert [report.message for report in prepared.refused] == [bad.message]
    assert prepared.batch is not None
    await solapi.send(account, prepared.batch)
    assert len(simulator.accepted()) == 2


async def test_two_messages_to_one_number_are_both_taken(
    solapi: Solapi, account: ProviderAccount, simulator: Simulator
) -> None:
    await solapi.send(account, await handed_over(solapi, account, sms(), sms()))
    assert len(simulator.accepted()) == 2


async def test_a_batch_is_sent_once_however_often_it_is_told(
    solapi: Solapi, account: ProviderAccount, simulator: Simulator
) -> None:
    batch = await handed_over(solapi, account, sms(UNTOLD))
    await solapi.send(account, batch)
    with pytest.raises(ProviderRefused, match="GroupInProcessing"):
        await solapi.send(account, batch)
    simulator.report("4000", to=UNTOLD)
    with pytest.raises(ProviderRefused, match="AlreadySent"):
        await solapi.send(account, batch)
    assert await solapi.batch_state(account, batch) is BatchState.SENT
    assert len(simulator.accepted()) == 1


async def test_solapi_says_whether_a_batch_waits_was_sent_or_does_not_exist(
    solapi: Solapi, account: ProviderAccount
) -> None:
    batch = await handed_over(solapi, account, sms())
    assert await solapi.batch_state(account, batch) is BatchState.WAITING
    await solapi.send(account, batch)
    assert await solapi.batch_state(account, batch) is BatchState.SENT
    assert await solapi.batch_state(account, "G4V20261121000000000000000000001") is BatchState.ABSENT


async def test_a_batch_of_another_account_does_not_exist(
    solapi: Solapi, account: ProviderAccount, simulator: Simulator
) -> None:
    batch = await handed_over(solapi, account, sms())
    assert await solapi.batch_state(simulator.add_account(), batch) is BatchState.ABSENT


async def test_a_batch_taken_back_can_not_be_sent_any_more(
    solapi: Solapi, account: ProviderAccount, simulator: Simulator
) -> None:
    batch = await handed_over(solapi, account, sms())
    await solapi.discard(account, batch)
    with pytest.raises(ProviderRefused, match="DeletedGroup"):
        await solapi.send(account, batch)
    assert await solapi.batch_state(account, batch) is BatchState.ABSENT
    assert simulator.accepted() == []


async def test_taking_a_batch_back_twice_does_nothing_more(solapi: Solapi, account: ProviderAccount) -> None:
    batch = await handed_over(solapi, account, sms())
    await solapi.discard(account, batch)
    await solapi.discard(account, batch)
    await solapi.discard(account, "G4V20261121000000000000000000002")


async def test_a_sent_batch_can_not_be_taken_back(solapi: Solapi, account: ProviderAccount) -> None:
    batch = await handed_over(solapi, account, sms(UNTOLD))
    await solapi.send(account, batch)
    with pytest.raises(ProviderRefused, match="NotOperationalStatus"):
        await solapi.discard(account, batch)


async def test_a_batch_that_can_not_be_paid_is_refused_and_waits(
    solapi: Solapi, account: ProviderAccount, simulator: Simulator
) -> None:
    batch = await handed_over(solapi, account, sms())
    simulator.set_balance(account, 0)
    with pytest.raises(ProviderRefused, match="NotEnoughBalance"):
        await solapi.send(account, batch)
    assert await solapi.batch_state(account, batch) is BatchState.WAITING


async def test_the_reports_of_a_batch_tell_what_became_of_each_message(
    solapi: Solapi, account: ProviderAccount, simulator: Simulator
) -> None:
    fates = {DELIVERED: Outcome.DELIVERED, NOT_ON_KAKAO: Outcome.FAILED, UNTOLD: Outcome.SENT}
    messages = {to: alimtalk(to) for to in fates}
    batch = await handed_over(solapi, account, *messages.values())
    assert {report.outcome for report in await solapi.batch_reports(account, batch)} == {Outcome.SENT}
    await solapi.send(account, batch)
    simulator.report("3000", to=UNTOLD)
    found = {report.message: report for report in await solapi.batch_reports(account, batch)}
    assert {to: found[message.message].outcome for to, message in messages.items()} == fates
    failed = found[messages[NOT_ON_KAKAO].message]
    assert (failed.code, failed.attempt, failed.channel) == ("3104", 0, "alimtalk")
    assert failed.detail == "카카오톡 미사용자"
    assert failed.at is not None


@pytest.mark.parametrize("count", [1, 500, 501, 1_203])
async def test_the_reports_of_a_large_batch_come_in_pages_and_none_is_missed(
    solapi: Solapi, account: ProviderAccount, count: int
) -> None:
    messages = [sms() for _ in range(count)]
    batch = await handed_over(solapi, account, *messages)
    await solapi.send(account, batch)
    found: list[UUID] = [report.message for report in await solapi.batch_reports(account, batch)]
    assert found == [message.message for message in messages]


async def test_messages_that_are_not_ours_are_left_out_of_a_batchs_reports(
    account: ProviderAccount, clock: SettableClock
) -> None:
    ours = uuid4()
    by_hand = {"messageId": "M1", "statusCode": "4000", "customFields": {}}
    sent_by_us = {"messageId": "M2", "statusCode": "4000", "customFields": {"allim": f"{ours}/0/sms"}}
    page = {"messageList": {entry["messageId"]: entry for entry in (by_hand, sent_by_us)}, "nextKey": None}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=page))
    async with httpx.AsyncClient(transport=transport) as client:
        reports = await Solapi("http://solapi.invalid", clock, client).batch_reports(account, "G1")
    assert [report.message for report in reports] == [ours]


async def test_requests_of_one_moment_have_different_signatures(solapi: Solapi, account: ProviderAccount) -> None:
    for _ in range(3):
        assert await solapi.batch_state(account, "G0") is BatchState.ABSENT


@pytest.mark.parametrize(
    ("secrets", "code"),
    [({"api_key": "NCSNOBODY0000000"}, "InvalidAPIKey"), ({"api_secret": "another"}, "SignatureDoesNotMatch")],
)
async def test_wrong_credentials_are_refused_in_solapis_words(
    solapi: Solapi, account: ProviderAccount, secrets: dict[str, str], code: str
) -> None:
    wrong = replace(account, secrets={**account.secrets, **secrets})
    for call in (solapi.prepare(wrong, [sms()]), solapi.send(wrong, "G1"), solapi.batch_state(wrong, "G1")):
        with pytest.raises(ProviderUnavailable) as refusal:
            await call
        assert refusal.value.code == code


async def test_a_clock_that_is_off_is_refused_in_solapis_words(account: ProviderAccount, simulator: Simulator) -> None:
    early = SettableClock()
    early.advance(-16 * 60)
    async with httpx.AsyncClient() as client:
        with pytest.raises(ProviderUnavailable, match="RequestTimeTooSkewed"):
            await Solapi(simulator.url, early, client).prepare(account, [sms()])

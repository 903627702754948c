"""SENS's AlimTalk: its own service, words that are approved, recipients refused alone, Kakao's codes, no fallback."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest

from shared.contracts.outcomes import Outcome
from shared.providers import (
    OutboundMessage,
    ProviderAccount,
    ProviderAmbiguous,
    ProviderError,
    ProviderRefused,
    ProviderUndecided,
    Submission,
    Word,
    carried_by,
)
from shared.providers.base import Button
from shared.providers.sens import Sens, alimtalk
from tests.clock import SettableClock
from tests.providers.simulated import PLUS_FRIEND, TEMPLATE_CODE, TEMPLATE_TEXT, Simulator

DELIVERED, NO_KAKAO, REFUSED, UNTOLD = "01090004000", "01090003104", "01090001062", "01090003000"
Of = Callable[..., Submission]


def talk(to: str = DELIVERED, name: str = "하나", **more: Any) -> OutboundMessage:
    text = TEMPLATE_TEXT.replace("#{이름}", name)
    return OutboundMessage(uuid4(), 0, "alimtalk", to, text, **{"template_code": TEMPLATE_CODE, **more})


async def words(sens: Sens, service: ProviderAccount, batch: str) -> dict[str, tuple[str, Outcome]]:
    said = await sens.batch_reports(service, batch)
    assert {word.batch for word in said if isinstance(word, Word)} == {batch}
    return {word.to: (word.code, word.outcome) for word in said if isinstance(word, Word)}


async def test_a_recipient_who_is_refused_is_refused_alone(
    sens: Sens, service: ProviderAccount, submission: Of, simulator: Simulator
) -> None:
    good, bad = talk(), talk(REFUSED)
    submitted = await sens.submit(service, submission(good, bad))
    assert [each.message for each in submitted.accepted] == [good.message]
    assert [(each.message, each.code, each.outcome) for each in submitted.refused] == [
        (bad.message, "A002", Outcome.FAILED)
    ]
    [accepted] = simulator.accepted()
    assert (accepted["provider"], accepted["to"], accepted["type"]) == ("sens", DELIVERED, "ALIMTALK")
    assert (accepted["text"], accepted["messageId"]) == (good.text, submitted.accepted[0].provider_message_id)


async def test_what_becomes_of_each_is_told_in_kakaos_codes_and_nothing_goes_in_its_place(
    sens: Sens, service: ProviderAccount, submission: Of, simulator: Simulator, clock: SettableClock
) -> None:
    call = submission(talk(), talk(NO_KAKAO), talk(UNTOLD), replace(talk("01090005000"), text="한 줄\n더"))
    submitted = await sens.submit(service, call)
    while simulator.control.get("/control/summary").json()["types"]["ALIMTALK"].get("requested", 0) > 1:
        pass
    expected = {
        DELIVERED: ("0000", Outcome.DELIVERED),
        NO_KAKAO: ("3019", Outcome.FAILED),
        UNTOLD: ("processing", Outcome.SENT),
        "01090005000": ("3016", Outcome.FAILED),
    }
    assert await words(sens, service, submitted.batch) == expected
    ended = await sens.poll(service, clock.now(), clock.now())
    assert {word.to for word in ended if isinstance(word, Word)} == expected.keys() - {UNTOLD}
    simulator.report("3005", to=UNTOLD, provider="sens")
    assert (await words(sens, service, submitted.batch))[UNTOLD] == ("3005", Outcome.UNCONFIRMED)
    simulator.report("0000", to=UNTOLD, provider="sens")
    assert (await words(sens, service, submitted.batch))[UNTOLD] == ("0000", Outcome.DELIVERED)
    assert {each["type"] for each in simulator.accepted()} == {"ALIMTALK"}


async def test_the_vendor_falls_back_by_itself_unless_it_is_told_not_to(
    sens: Sens, service: ProviderAccount, submission: Of, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = alimtalk.call_of(service, [talk()])
    assert [message["useSmsFailover"] for message in wire["messages"]] == [False]
    silent = {**wire, "messages": [{"to": NO_KAKAO, "content": talk().text}]}
    monkeypatch.setattr(alimtalk, "call_of", lambda *_: silent)
    await sens.submit(service, submission(talk(NO_KAKAO)))
    while len(simulator.accepted()) < 2:
        pass
    assert [(each["to"], each["type"]) for each in simulator.accepted()] == [(NO_KAKAO, "ALIMTALK"), (NO_KAKAO, "SMS")]


async def test_a_call_is_found_by_template_recipient_and_words(
    sens: Sens, service: ProviderAccount, submission: Of
) -> None:
    pair = submission(talk(), talk(NO_KAKAO))
    assert await sens.find(service, pair) is None
    submitted = await sens.submit(service, pair)
    found = await sens.find(service, pair)
    assert found is not None
    assert (found.batch, [each.message for each in found.accepted]) == (
        submitted.batch,
        [each.message for each in pair.messages],
    )
    assert await sens.find(service, submission(talk(name="둘"))) is None
    with pytest.raises(ProviderAmbiguous):
        await sens.find(service, submission(talk(), talk("01090005000")))
    await sens.submit(service, submission(talk()))
    with pytest.raises(ProviderAmbiguous):
        await sens.find(service, submission(talk()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, talk(template_code="KA-OF-NOBODY")),
        ({"kakao_channel": "@another"}, talk()),
        ({}, talk("0")),
    ],
    ids=["template", "channel", "no number"],
)
async def test_what_the_vendor_does_not_know_is_refused(
    sens: Sens,
    service: ProviderAccount,
    submission: Of,
    simulator: Simulator,
    change: dict[str, Any],
    message: OutboundMessage,
) -> None:
    with pytest.raises(ProviderRefused):
        await sens.submit(replace(service, **change), submission(message))
    assert simulator.accepted() == []


@pytest.mark.parametrize(
    "answer",
    [
        {"requestId": "R", "statusName": "fail", "statusCode": "400"},
        {"requestId": "R", "statusName": "success", "messages": []},
        {"requestId": "R", "statusName": "success"},
    ],
    ids=["fail", "a recipient is missing", "nobody"],
)
async def test_an_answer_that_does_not_tell_of_each_is_asked_about(submission: Of, answer: Any) -> None:
    client = httpx.AsyncClient(
        transport=httpx.MockTransport(lambda _: httpx.Response(202, content=orjson.dumps(answer)))
    )
    secrets = {"kakao_service_id": "ncp:kkobizmsg:kr:1:s", "access_key": "a", "secret_key": "s"}
    account = ProviderAccount("cafe", "main", "sens", "0212345678", PLUS_FRIEND, secrets)
    with pytest.raises(ProviderError) as caught:
        await Sens("http://sens", SettableClock(), client).submit(account, submission(talk()))
    assert type(caught.value) is ProviderUndecided


def test_calls_are_of_one_template_each() -> None:
    messages = [talk(f"0109000500{at}", template_code=code) for code in "AB" for at in range(3)]
    calls = Sens("http://sens", SettableClock()).calls(messages)
    assert [{each.template_code for each in call} for call in calls] == [{"A"}, {"B"}]


def test_a_button_has_both_links() -> None:
    message = replace(talk(), buttons=[Button("보기", "https://m.example"), Button("앱", "https://m", "https://d")])
    account = ProviderAccount("cafe", "main", "sens", "0212345678", PLUS_FRIEND, {})
    [wire] = alimtalk.call_of(account, [message])["messages"]
    assert wire["buttons"] == [
        {"type": "WL", "name": "보기", "linkMobile": "https://m.example", "linkPc": "https://m.example"},
        {"type": "WL", "name": "앱", "linkMobile": "https://m", "linkPc": "https://d"},
    ]


@pytest.mark.parametrize(
    ("code", "name", "outcome"),
    [
        ("0000", "success", Outcome.DELIVERED),
        ("3005", "fail", Outcome.UNCONFIRMED),
        ("3019", "fail", Outcome.FAILED),
        ("7777", "fail", Outcome.FAILED),
        ("7777", "success", Outcome.SENT),
        ("", "processing", Outcome.SENT),
    ],
)
def test_a_code_of_no_table_is_no_delivery(code: str, name: str, outcome: Outcome) -> None:
    assert alimtalk.outcome_of(code, name) is outcome


@pytest.mark.parametrize(
    ("services", "channel", "carried"),
    [
        (("service_id", "kakao_service_id"), PLUS_FRIEND, {"sms", "lms", "mms", "alimtalk"}),
        (("service_id",), PLUS_FRIEND, {"sms", "lms", "mms"}),
        (("kakao_service_id",), PLUS_FRIEND, {"alimtalk"}),
        (("service_id", "kakao_service_id"), None, {"sms", "lms", "mms"}),
    ],
    ids=["both", "texts", "AlimTalk", "no channel"],
)
async def test_an_account_carries_what_its_services_do_and_is_asked_for_no_other(
    simulator: Simulator, sens: Sens, clock: SettableClock, services: Any, channel: str | None, carried: set[str]
) -> None:
    account = replace(simulator.add_service(services=services), kakao_channel=channel)
    assert carried_by(sens, account) == carried
    assert await sens.poll(account, clock.now(), clock.now()) == []

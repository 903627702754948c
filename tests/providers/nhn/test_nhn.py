"""NHN Cloud's SMS: calls, look-ups and what becomes of their answers; webhooks in every form."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.outcomes import Outcome
from shared.providers import (
    OutboundMessage,
    ProviderAccount,
    ProviderBusy,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    ProviderUndecided,
    Settlement,
    Submission,
    webhook_proof,
)
from shared.providers.nhn.sms import FAILED, MOST_RECIPIENTS, Nhn, outcome_of
from shared.providers.wire import reference_of
from tests.clock import NOON, SettableClock
from tests.providers.simulated import SENDER, WEBHOOK_SECRET, Simulator

DELIVERED, BAD_NUMBER, REFUSED, WHOLE = "01090004000", "01090003010", "01090001062", "01090001060"
TEXT = "수업이 곧 시작됩니다."
ACCOUNT = ProviderAccount("cafe", "main", "nhn", SENDER, None, {"app_key": "a/b", "secret_key": "s"})


def sms(to: str = DELIVERED, text: str = TEXT, channel: str = "sms", subject: str | None = None) -> OutboundMessage:
    return OutboundMessage(uuid4(), 2, channel, to, text, subject=subject)


def submission(*messages: OutboundMessage, begun_at: dt.datetime = NOON) -> Submission:
    return Submission(uuid4(), begun_at, messages)


@pytest.fixture
def app(simulator: Simulator) -> ProviderAccount:
    return simulator.add_app()


@pytest.fixture
def nhn(simulator: Simulator, client: httpx.AsyncClient) -> Nhn:
    return Nhn(simulator.url, client)


@given(
    st.lists(
        st.tuples(st.sampled_from(["sms", "lms"]), st.sampled_from(["가", "나"]), st.sampled_from([None, "제목"])),
        max_size=30,
    )
)
def test_each_message_is_in_one_call_and_a_call_has_one_text(kinds: Sequence[tuple[str, str, str | None]]) -> None:
    messages = [sms(text=text, channel=channel, subject=subject) for channel, text, subject in kinds]
    calls = Nhn("http://nhn").calls(messages)
    assert sorted(each.message for call in calls for each in call) == sorted(each.message for each in messages)
    assert all(len({(each.channel, each.text, each.subject) for each in call}) == 1 for call in calls)
    assert len(calls) == len({(each.channel, each.text, each.subject) for each in messages})


def test_a_call_has_as_many_recipients_as_are_allowed() -> None:
    calls = Nhn("http://nhn").calls([sms() for _ in range(MOST_RECIPIENTS + 1)])
    assert [len(call) for call in calls] == [MOST_RECIPIENTS, 1]


async def test_a_call_carries_our_names_and_is_answered_for_each_recipient(
    nhn: Nhn, app: ProviderAccount, simulator: Simulator
) -> None:
    good, bad = sms(), sms(REFUSED)
    call = submission(good, bad)
    submitted = await nhn.submit(app, call)
    [accepted] = simulator.accepted()
    assert accepted.keys() >= {"provider", "to", "type", "text", "messageId"}
    assert (accepted["provider"], accepted["to"], accepted["text"]) == ("nhn", DELIVERED, TEXT)
    assert (accepted["senderGroupingKey"], accepted["recipientGroupingKey"]) == (
        str(call.dispatch),
        f"{good.message}/2/sms",
    )
    assert submitted.accepted == [(good.message, accepted["messageId"])]
    assert [(each.message, each.code, each.outcome) for each in submitted.refused] == [
        (bad.message, "-2019", Outcome.FAILED)
    ]


@pytest.mark.parametrize("subject", ["공지", None])
async def test_a_long_message_always_has_a_title(
    nhn: Nhn, app: ProviderAccount, simulator: Simulator, subject: str | None
) -> None:
    text = "가나다라마바사아자차카타파하가나다라마바사아자차카타파하\n" + TEXT * 9
    await nhn.submit(app, submission(sms(text=text, channel="lms", subject=subject)))
    [accepted] = simulator.accepted()
    assert (accepted["type"], accepted["text"]) == ("LMS", text)
    assert accepted["subject"] == (subject or "가나다라마바사아자차카타파하가나다라마바")


async def test_a_call_is_found_by_its_name_and_no_other_call_is(
    nhn: Nhn, app: ProviderAccount, simulator: Simulator, clock: SettableClock
) -> None:
    mine = submission(sms(), sms(BAD_NUMBER), begun_at=clock.now())
    theirs = submission(*mine.messages, begun_at=clock.now())
    assert await nhn.find(app, mine) is None
    submitted = await nhn.submit(app, mine)
    assert await nhn.find(app, mine) == submitted
    assert await nhn.find(app, theirs) is None
    unwritten = [replace(each, to="", text="") for each in mine.messages]
    assert await nhn.find(app, mine._replace(messages=unwritten)) == submitted


async def test_a_call_of_many_is_found_and_reported_page_by_page(
    nhn: Nhn, app: ProviderAccount, monkeypatch: pytest.MonkeyPatch, clock: SettableClock
) -> None:
    monkeypatch.setattr("shared.providers.nhn.sms.PAGE", 2)
    call = submission(*(sms(f"010900050{at:02}") for at in range(5)), begun_at=clock.now())
    submitted = await nhn.submit(app, call)
    found = await nhn.find(app, call)
    assert found is not None
    assert found.accepted == submitted.accepted
    assert len(await nhn.batch_reports(app, submitted.batch)) == 5


async def test_reports_are_looked_up_by_call_and_by_when_they_came(
    nhn: Nhn, app: ProviderAccount, clock: SettableClock, simulator: Simulator
) -> None:
    good, bad = sms(), sms(BAD_NUMBER)
    submitted = await nhn.submit(app, submission(good, bad))
    while simulator.control.get("/control/summary").json()["types"].get("SMS", {}).get("requested"):
        pass
    expected = {(good.message, 2, "1000", Outcome.DELIVERED), (bad.message, 2, "3003", Outcome.FAILED)}
    minute = dt.timedelta(minutes=1)
    for reports in (
        await nhn.batch_reports(app, submitted.batch),
        await nhn.poll(app, clock.now() - minute, clock.now() + minute),
    ):
        assert {(each.message, each.attempt, each.code, each.outcome) for each in reports} == expected
        assert {each.at for each in reports} == {clock.now()}
    assert await nhn.poll(app, clock.now() - 3 * minute, clock.now() - 2 * minute) == []


def answering(status: int = 200, body: Any = None, headers: dict[str, str] | None = None) -> Nhn:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    transport = httpx.MockTransport(lambda _: httpx.Response(status, content=content, headers=headers))
    return Nhn("http://nhn", httpx.AsyncClient(transport=transport))


def failing(code: int) -> Nhn:
    return answering(body={"header": {"isSuccessful": False, "resultCode": code, "resultMessage": "…"}, "body": None})


@pytest.mark.parametrize(
    ("nhn", "error"),
    [
        pytest.param(failing(-2312), ProviderRefused, id="sender not registered"),
        pytest.param(failing(-2023), ProviderRefused, id="characters"),
        pytest.param(failing(4), ProviderRefused, id="validation"),
        pytest.param(failing(-1004), ProviderUnavailable, id="address not allowed"),
        pytest.param(failing(-1000), ProviderUnavailable, id="key"),
        pytest.param(failing(-2052), ProviderUnavailable, id="the month's quota"),
        pytest.param(failing(-9999), ProviderUndecided, id="system error"),
        pytest.param(answering(403, b"<html>"), ProviderUnavailable, id="not let in"),
        pytest.param(answering(429, b""), ProviderBusy, id="too many"),
        pytest.param(answering(502, b"<html>"), ProviderUndecided, id="gateway"),
        pytest.param(answering(200, b"<html>"), ProviderUndecided, id="not JSON"),
        pytest.param(answering(200, {"ok": True}), ProviderUndecided, id="another form"),
        pytest.param(answering(200, []), ProviderUndecided, id="an array"),
    ],
)
async def test_what_is_answered_means_refused_nothing_done_or_ask_first(nhn: Nhn, error: type[ProviderError]) -> None:
    with pytest.raises(error) as caught:
        await nhn.submit(ACCOUNT, submission(sms()))
    assert type(caught.value) is error


@pytest.mark.parametrize(
    "data",
    [
        {"statusCode": "2", "sendResultList": []},
        {"requestId": "R", "statusCode": "2", "sendResultList": []},
        {"requestId": "R", "statusCode": "3", "sendResultList": []},
        None,
    ],
    ids=["no request", "no result", "request failed", "nothing"],
)
async def test_a_success_that_does_not_say_what_became_of_each_is_asked_about(data: Any) -> None:
    nhn = answering(
        body={"header": {"isSuccessful": True, "resultCode": 0, "resultMessage": ""}, "body": {"data": data}}
    )
    with pytest.raises(ProviderUndecided):
        await nhn.submit(ACCOUNT, submission(sms()))


async def test_a_result_without_our_name_is_told_by_its_number() -> None:
    first, second = sms(), sms()
    results = [{"recipientSeq": 2, "resultCode": 0}, {"recipientSeq": 1, "resultCode": -2019, "resultMessage": "no"}]
    data = {"requestId": "R", "statusCode": "2", "sendResultList": results}
    nhn = answering(
        body={"header": {"isSuccessful": True, "resultCode": 0, "resultMessage": ""}, "body": {"data": data}}
    )
    submitted = await nhn.submit(ACCOUNT, submission(first, second))
    assert submitted.accepted == [(second.message, "R/2")]
    assert [each.message for each in submitted.refused] == [first.message]


@pytest.mark.parametrize("form", ["array", "object"])
async def test_results_by_their_update_are_read_as_the_guide_shows_and_as_it_documents(form: str) -> None:
    message = sms()
    entry = {
        "messageType": "SMS",
        "requestId": "R",
        "recipientSeq": 1,
        "resultCode": "2000",
        "resultDate": "2026-11-21 12:00:05.0",
        "recipientGroupingKey": reference_of(message),
    }
    entries = [entry, {**entry, "recipientGroupingKey": "a person's"}]
    body = {"pageNum": 1, "totalCount": 2, "data": entries if form == "array" else {"resultUpdateList": entries}}
    nhn = answering(body={"header": {"isSuccessful": True, "resultCode": 0, "resultMessage": ""}, "body": body})
    [report] = await nhn.poll(ACCOUNT, NOON, NOON)
    assert (report.message, report.code, report.outcome) == (message.message, "2000", Outcome.FAILED)
    assert report.at == NOON + dt.timedelta(seconds=5)


def hook(**fields: Any) -> dict[str, Any]:
    return {
        "hookId": "H",
        "requestId": "R",
        "recipientSeq": 1,
        "receiveDate": "2026-11-21T12:00:05",
        "messageStatus": "COMPLETED",
        "recipientGroupingKey": f"{UUID(int=7)}/0/sms",
        "resultCode": "1000",
        **fields,
    }


def call(*hooks: Any, event: str = "MESSAGE_RESULT_UPDATE") -> bytes:
    return orjson.dumps({"hooksId": "1", "productName": "SMS", "appKey": "a", "event": event, "hooks": hooks})


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({}, Outcome.DELIVERED),
        ({"resultCode": "2003", "messageStatus": "FAILED"}, Outcome.FAILED),
        ({"resultCode": "E915", "messageStatus": "DUPLICATED"}, Outcome.FAILED),
        ({"resultCode": "7777", "messageStatus": "FAILED"}, Outcome.FAILED),
        ({"resultCode": "7777", "messageStatus": "COMPLETED"}, Outcome.SENT),
        ({"resultCode": None, "messageStatus": "CANCEL"}, Outcome.FAILED),
    ],
    ids=["delivered", "failed", "duplicate", "unknown and failed", "unknown and completed", "cancelled"],
)
def test_a_hook_says_what_became_of_a_message(fields: dict[str, Any], outcome: Outcome) -> None:
    [report] = Nhn("http://nhn").parse_webhook(call(hook(**fields)))
    assert (report.message, report.attempt, report.channel, report.outcome) == (UUID(int=7), 0, "sms", outcome)
    assert report.at == NOON + dt.timedelta(seconds=5)
    assert report.code


def test_a_misspelt_field_is_read_too() -> None:
    misspelt = {**hook(), "recipientGropuingKey": f"{UUID(int=8)}/1/lms"}
    del misspelt["recipientGroupingKey"]
    [report] = Nhn("http://nhn").parse_webhook(call(misspelt))
    assert (report.message, report.attempt, report.channel) == (UUID(int=8), 1, "lms")


@pytest.mark.parametrize(
    "body",
    [call(hook(recipientGroupingKey="a person's")), call(event="UNSUBSCRIBE"), call()],
    ids=["a person's", "another event", "nothing"],
)
def test_what_is_none_of_ours_is_no_report(body: bytes) -> None:
    assert Nhn("http://nhn").parse_webhook(body) == []


@pytest.mark.parametrize(
    "body", [b"[]", b"{", b"{}", call("hook"), call({"recipientGroupingKey": f"{UUID(int=7)}/0/sms"})]
)
def test_what_nhn_can_not_have_sent_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        Nhn("http://nhn").parse_webhook(body)


def test_each_hook_of_a_call_can_be_read_alone() -> None:
    nhn = Nhn("http://nhn")
    entries = nhn.webhook_entries(orjson.loads(call(hook(), "nonsense", hook())))
    assert [len(nhn.parse_webhook(orjson.dumps(entry))) for entry in (entries[0], entries[2])] == [1, 1]
    assert (nhn.webhook_entries([]), nhn.webhook_entries({"hooks": 1})) == ([], [])


def test_a_call_proves_itself_by_the_text_that_was_typed() -> None:
    headers = {"x-toast-webhook-signature": WEBHOOK_SECRET}
    assert Nhn("http://nhn").proof_of(headers) == webhook_proof("nhn", WEBHOOK_SECRET) == WEBHOOK_SECRET
    assert Nhn("http://nhn").proof_of({}) == ""


def test_no_code_but_one_is_a_delivery() -> None:
    assert outcome_of("1000") is Outcome.DELIVERED
    assert {outcome_of(code, status) for code in FAILED for status in ("3", "COMPLETED", "")} == {Outcome.FAILED}
    assert outcome_of("", "2") is outcome_of("9999", "3") is Outcome.SENT
    assert Nhn.settlement is Settlement.ASKED

"""NHN Cloud's KakaoTalk messages: calls under a key, look-ups, what becomes of answers, and polling."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

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
from shared.providers.nhn.kakao import IDEMPOTENCY_KEY, MOST_RECIPIENTS, NhnKakao
from tests.clock import NOON, SettableClock
from tests.providers.simulated import NHN_TEMPLATE, SENDER_KEY, WEBHOOK_SECRET, Simulator

DELIVERED, NOT_ON_KAKAO, REFUSED, WHOLE = "01090004000", "01090003104", "01090001062", "01090001060"
ACCOUNT = ProviderAccount("cafe", "main", "nhn_kakao", "", SENDER_KEY, {"app_key": "a/b", "secret_key": "s"})
SEND = "POST /alimtalk/.*/messages"


def alimtalk(to: str = DELIVERED, code: str = NHN_TEMPLATE, **variables: str) -> OutboundMessage:
    named = variables or {"이름": "하나"}
    text = "하나님, 수업이 곧 시작됩니다."
    return OutboundMessage(uuid4(), 2, "alimtalk", to, text, template_code=code, variables=named)


def submission(*messages: OutboundMessage, begun_at: dt.datetime = NOON) -> Submission:
    return Submission(uuid4(), begun_at, messages)


@pytest.fixture
def app(simulator: Simulator) -> ProviderAccount:
    return simulator.add_kakao_app()


@pytest.fixture
def kakao(simulator: Simulator, client: httpx.AsyncClient) -> NhnKakao:
    return NhnKakao(simulator.url, client)


@given(st.lists(st.tuples(st.sampled_from(["alimtalk", "brand"]), st.sampled_from(["a", "b"])), max_size=30))
def test_each_message_is_in_one_call_and_a_call_has_one_template_or_one_text(kinds: Sequence[tuple[str, str]]) -> None:
    messages = [
        replace(alimtalk(code=words), channel=channel, text=words if channel == "brand" else str(at))
        for at, (channel, words) in enumerate(kinds)
    ]
    calls = NhnKakao("http://nhn").calls(messages)
    assert sorted(each.message for call in calls for each in call) == sorted(each.message for each in messages)
    assert len(calls) == len(set(kinds))
    assert all(len({each.channel for each in call}) == 1 for call in calls)


def test_a_call_has_as_many_recipients_as_are_allowed() -> None:
    calls = NhnKakao("http://nhn").calls([alimtalk() for _ in range(MOST_RECIPIENTS + 1)])
    assert [len(call) for call in calls] == [MOST_RECIPIENTS, 1]


async def test_an_alimtalk_carries_its_template_our_names_and_each_recipients_values(
    kakao: NhnKakao, app: ProviderAccount, simulator: Simulator
) -> None:
    good, bad = alimtalk(이름="둘"), alimtalk(REFUSED)
    call = submission(good, bad)
    submitted = await kakao.submit(app, call)
    [accepted] = simulator.accepted()
    assert (accepted["provider"], accepted["type"], accepted["to"]) == ("nhn_kakao", "ALIMTALK", DELIVERED)
    assert accepted["text"] == "둘님, 수업이 곧 시작됩니다."
    assert (accepted["senderGroupingKey"], accepted["recipientGroupingKey"]) == (
        str(call.dispatch),
        f"{good.message}/2/alimtalk",
    )
    assert submitted.accepted == [(good.message, accepted["messageId"])]
    assert [(each.message, each.code, each.outcome) for each in submitted.refused] == [
        (bad.message, "-5000", Outcome.FAILED)
    ]


async def test_a_call_of_which_all_were_refused_says_why_for_each(kakao: NhnKakao, app: ProviderAccount) -> None:
    submitted = await kakao.submit(app, submission(alimtalk(REFUSED), alimtalk(REFUSED)))
    assert (submitted.accepted, [each.code for each in submitted.refused]) == ([], ["-5000", "-5000"])


async def test_no_text_takes_the_place_of_what_failed_though_the_console_says_so(
    kakao: NhnKakao, simulator: Simulator
) -> None:
    app = simulator.add_kakao_app(resends=True)
    await kakao.submit(app, submission(alimtalk(NOT_ON_KAKAO)))
    await kakao.submit(app, submission(replace(alimtalk(NOT_ON_KAKAO), channel="brand")))
    assert [each["type"] for each in simulator.accepted()] == ["ALIMTALK", "BRAND_MESSAGE"]


@pytest.mark.parametrize("fault", ["accept_then_drop", "accept_then_fail"])
async def test_a_call_made_again_under_its_key_finds_what_the_first_one_did(
    kakao: NhnKakao, app: ProviderAccount, simulator: Simulator, clock: SettableClock, fault: str
) -> None:
    simulator.set_faults_of("nhn", **{fault: {"count": 1, "on": SEND}})
    call = submission(alimtalk(), alimtalk(NOT_ON_KAKAO), begun_at=clock.now())
    with pytest.raises(ProviderUndecided):
        await kakao.submit(app, call)
    submitted = await kakao.submit(app, call)
    assert {each.message for each in submitted.accepted} == {each.message for each in call.messages}
    assert submitted == await kakao.find(app, call)
    assert len(simulator.accepted()) == 2


async def test_a_call_whose_key_was_used_and_that_no_list_shows_yet_is_not_decided(
    kakao: NhnKakao, app: ProviderAccount, simulator: Simulator, clock: SettableClock
) -> None:
    simulator.set_faults_of("nhn", accept_then_drop={"count": 1, "on": SEND}, list_delay_ms=60_000)
    call = submission(alimtalk(), begun_at=clock.now())
    for _ in range(2):
        with pytest.raises(ProviderUndecided):
            await kakao.submit(app, call)
    assert await kakao.find(app, call) is None
    clock.advance(61)
    assert await kakao.find(app, call) is not None
    assert len(simulator.accepted()) == 1


async def test_a_brand_message_has_no_key_and_is_looked_for_and_never_called_again(
    kakao: NhnKakao, app: ProviderAccount, simulator: Simulator, clock: SettableClock
) -> None:
    brand = replace(alimtalk(), channel="brand")
    lost, taken = submission(brand, begun_at=clock.now()), submission(brand, begun_at=clock.now())
    simulator.set_faults_of("nhn", drop_before={"count": 1, "on": "POST"})
    for _ in range(3):
        with pytest.raises(ProviderUndecided):
            await kakao.submit(app, lost)
    assert simulator.accepted() == []
    simulator.set_faults_of("nhn", accept_then_drop={"count": 1, "on": "POST"})
    with pytest.raises(ProviderUndecided):
        await kakao.submit(app, taken)
    submitted = await kakao.submit(app, taken)
    assert [each.message for each in submitted.accepted] == [brand.message]
    assert len(simulator.accepted()) == 1


@pytest.mark.parametrize("channel", ["alimtalk", "brand"])
async def test_a_call_is_found_by_its_name_and_no_other_call_is(
    kakao: NhnKakao, app: ProviderAccount, clock: SettableClock, channel: str
) -> None:
    messages = [replace(alimtalk(to), channel=channel) for to in (DELIVERED, NOT_ON_KAKAO)]
    mine, theirs = submission(*messages, begun_at=clock.now()), submission(*messages, begun_at=clock.now())
    assert await kakao.find(app, mine) is None
    submitted = await kakao.submit(app, mine)
    assert await kakao.find(app, mine) == submitted
    assert await kakao.find(app, theirs) is None
    unwritten = [replace(each, to="", text="", template_code=None) for each in mine.messages]
    assert await kakao.find(app, mine._replace(messages=unwritten)) == submitted


async def test_a_call_of_many_is_found_and_reported_page_by_page(
    kakao: NhnKakao, app: ProviderAccount, monkeypatch: pytest.MonkeyPatch, clock: SettableClock
) -> None:
    monkeypatch.setattr("shared.providers.nhn.kakao.PAGE", 2)
    call = submission(*(alimtalk(f"010900050{at:02}") for at in range(5)), begun_at=clock.now())
    submitted = await kakao.submit(app, call)
    found = await kakao.find(app, call)
    assert found is not None
    assert found.accepted == submitted.accepted
    assert len(await kakao.batch_reports(app, submitted.batch)) == 5
    assert len(await kakao.poll(app, clock.now(), clock.now())) == 5


async def test_what_became_of_messages_is_asked_for_by_their_call_and_by_their_update(
    kakao: NhnKakao, app: ProviderAccount, clock: SettableClock
) -> None:
    clock.advance(3_600)
    sent = submission(*(alimtalk(to) for to in (DELIVERED, NOT_ON_KAKAO)), begun_at=clock.now())
    submitted = await kakao.submit(app, sent)
    expected = {
        (sent.messages[0].message, "1000", Outcome.DELIVERED, False),
        (sent.messages[1].message, "3019", Outcome.FAILED, True),
    }
    minute = dt.timedelta(minutes=1)
    for reports in (
        await kakao.batch_reports(app, submitted.batch),
        await kakao.poll(app, clock.now() - minute, clock.now()),
    ):
        assert {(each.message, each.code, each.outcome, each.lasting) for each in reports} == expected
    assert await kakao.poll(app, clock.now() - 9 * minute, clock.now() - 8 * minute) == []


async def test_what_ended_days_later_is_found_by_the_minute_in_which_it_was_asked_for(
    kakao: NhnKakao, app: ProviderAccount, simulator: Simulator, clock: SettableClock
) -> None:
    untold, told = alimtalk("01090003000"), alimtalk()
    submitted = await kakao.submit(app, submission(untold, told))
    assert len(await kakao.batch_reports(app, submitted.batch)) == 2
    clock.advance(3 * 86_400)
    simulator.report("3005", to="01090003000", provider="nhn_kakao")
    [first] = await kakao.poll(app, clock.now(), clock.now())
    clock.advance(120)
    [accepted] = [each for each in simulator.accepted() if each["to"] == "01090003000"]
    simulator.report("1000", messageId=accepted["messageId"], provider="nhn_kakao")
    [second] = await kakao.poll(app, clock.now(), clock.now())
    assert (first.message, first.outcome) == (untold.message, Outcome.UNCONFIRMED)
    assert (second.message, second.outcome) == (untold.message, Outcome.DELIVERED)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        pytest.param(alimtalk(code="nobody"), "-3003", id="no such template"),
        pytest.param(alimtalk(code="new"), "-3005", id="not approved"),
        pytest.param(alimtalk(성="김"), "-3004", id="a value is missing"),
        pytest.param(alimtalk(이름="가" * 1_301), "-3048", id="a long value"),
        pytest.param(alimtalk(이름="가" * 1_300), "-2019", id="a long text"),
        pytest.param(alimtalk(WHOLE), "-4019", id="a recipient for which all are refused"),
        pytest.param(replace(alimtalk(), channel="brand", text="가" * 1_301), "-2024", id="a long Brand Message"),
    ],
)
async def test_each_documented_refusal_is_one(
    kakao: NhnKakao, simulator: Simulator, message: OutboundMessage, code: str
) -> None:
    new = {"templateCode": "new", "senderKey": SENDER_KEY, "content": "#{이름}", "status": "TSC02"}
    approved = {"templateCode": NHN_TEMPLATE, "senderKey": SENDER_KEY, "content": "#{이름}님"}
    app = simulator.add_kakao_app(templates=[new, approved])
    with pytest.raises(ProviderRefused) as caught:
        await kakao.submit(app, submission(message))
    assert caught.value.code == code
    assert simulator.accepted() == []


async def test_a_new_channel_may_not_fill_in_much_and_is_told_so(kakao: NhnKakao, simulator: Simulator) -> None:
    app = simulator.add_kakao_app(isNew=True)
    await kakao.submit(app, submission(alimtalk(이름="가" * 19)))
    with pytest.raises(ProviderRefused, match="14자") as caught:
        await kakao.submit(app, submission(alimtalk(이름="가" * 20)))
    assert caught.value.code == "-1028"


@pytest.mark.parametrize("channel", [None, "another"])
async def test_a_channel_that_is_none_judges_the_account_and_no_message(
    kakao: NhnKakao, app: ProviderAccount, channel: str | None
) -> None:
    with pytest.raises(ProviderUnavailable):
        await kakao.submit(replace(app, kakao_channel=channel), submission(alimtalk()))


def answering(status: int = 200, body: Any = None, headers: dict[str, str] | None = None) -> NhnKakao:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    transport = httpx.MockTransport(lambda _: httpx.Response(status, content=content, headers=headers))
    return NhnKakao("http://nhn", httpx.AsyncClient(transport=transport))


def header(code: int) -> dict[str, Any]:
    return {"header": {"isSuccessful": code == 0, "resultCode": code, "resultMessage": "…"}}


def results(*results: dict[str, Any]) -> dict[str, Any]:
    return {**header(0), "message": {"requestId": "R", "sendResults": results}}


@pytest.mark.parametrize(
    ("kakao", "error"),
    [
        pytest.param(answering(body=header(-3003)), ProviderRefused, id="no such template"),
        pytest.param(answering(body=header(4)), ProviderRefused, id="validation"),
        pytest.param(answering(body=header(-1031)), ProviderRefused, id="all refused, and not why"),
        pytest.param(answering(body=header(-1000)), ProviderUnavailable, id="app key"),
        pytest.param(answering(body=header(-1001)), ProviderUnavailable, id="secret"),
        pytest.param(answering(body=header(-1027)), ProviderUnavailable, id="channel blocked"),
        pytest.param(answering(body=header(-9999)), ProviderUndecided, id="system error"),
        pytest.param(answering(body=header(-7000)), ProviderUndecided, id="Kakao failed"),
        pytest.param(answering(403, b"<html>"), ProviderUnavailable, id="not let in"),
        pytest.param(answering(429, b""), ProviderBusy, id="too many"),
        pytest.param(answering(502, b"<html>"), ProviderUndecided, id="gateway"),
        pytest.param(answering(200, b"<html>"), ProviderUndecided, id="not JSON"),
        pytest.param(answering(200, []), ProviderUndecided, id="an array"),
        pytest.param(answering(200, header(0)), ProviderUndecided, id="nothing but success"),
        pytest.param(answering(200, results()), ProviderUndecided, id="no result"),
        pytest.param(answering(200, results({"recipientSeq": 9})), ProviderUndecided, id="another's result"),
    ],
)
async def test_what_is_answered_means_refused_nothing_done_or_ask_first(
    kakao: NhnKakao, error: type[ProviderError]
) -> None:
    with pytest.raises(error) as caught:
        await kakao.submit(ACCOUNT, submission(alimtalk()))
    assert type(caught.value) is error


async def test_a_result_without_our_name_is_told_by_its_number() -> None:
    first, second = alimtalk(), alimtalk()
    answer = results({"recipientSeq": 2, "resultCode": 0}, {"recipientSeq": 1, "resultCode": -5000})
    submitted = await answering(body=answer).submit(ACCOUNT, submission(first, second))
    assert submitted.accepted == [(second.message, "R/2")]
    assert [each.message for each in submitted.refused] == [first.message]


async def test_the_key_of_a_call_is_its_dispatch_and_the_secret_is_no_part_of_its_address() -> None:
    seen: list[httpx.Request] = []

    def take(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, content=orjson.dumps(results({"recipientSeq": 1, "resultCode": 0})))

    kakao = NhnKakao("http://nhn", httpx.AsyncClient(transport=httpx.MockTransport(take)))
    call = submission(alimtalk())
    await kakao.submit(ACCOUNT, call)
    [request] = seen
    assert request.headers[IDEMPOTENCY_KEY] == str(call.dispatch)
    assert request.headers["x-secret-key"] == "s"
    assert request.url.raw_path == b"/alimtalk/v2.3/appkeys/a%2Fb/messages"


def test_a_call_proves_itself_by_the_text_that_was_typed() -> None:
    headers = {"x-toast-webhook-signature": WEBHOOK_SECRET}
    assert NhnKakao("http://nhn").proof_of(headers) == webhook_proof("nhn_kakao", WEBHOOK_SECRET) == WEBHOOK_SECRET
    assert NhnKakao("http://nhn").proof_of({}) == ""
    assert NhnKakao.settlement is Settlement.KEYED

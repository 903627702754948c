"""Aligo: calls of one text and of many, codes that are numbers or texts, recipients that it counts as errors, look-ups
among the calls of a day, and no character that would leave as a question mark."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs
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
    ProviderAmbiguous,
    ProviderBusy,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    ProviderUndecided,
    Settlement,
    Submission,
    Word,
    webhook_proof,
)
from shared.providers.aligo import Aligo, alimtalk, provider, texts
from shared.providers.base import Button
from tests.clock import SettableClock
from tests.providers.pictures import picture
from tests.providers.simulated import SENDER, SENDER_KEY, TEMPLATE_CODE, TEMPLATE_TEXT, Simulator

DELIVERED, BAD_NUMBER, REFUSED, NO_KAKAO = "01090004000", "01090003010", "01090001062", "01090003104"
ACCOUNT = ProviderAccount("cafe", "main", "aligo", SENDER, SENDER_KEY, {"api_key": "k", "user_id": "u"})
Of = Callable[..., Submission]


def sms(to: str = DELIVERED, text: str = "수업이 곧 시작됩니다.", channel: str = "sms", **more: Any) -> OutboundMessage:
    return OutboundMessage(uuid4(), 0, channel, to, text, **more)


def talk(to: str = DELIVERED, name: str = "하나", **more: Any) -> OutboundMessage:
    text = TEMPLATE_TEXT.replace("#{이름}", name)
    return OutboundMessage(uuid4(), 0, "alimtalk", to, text, template_code=TEMPLATE_CODE, **more)


KINDS: dict[str, Callable[[str, str], OutboundMessage]] = {
    "sms": lambda to, text: sms(to, text),
    "lms": lambda to, text: sms(to, text, "lms", subject="안내"),
    "mms": lambda to, text: sms(to, text, "mms", subject="안내", picture=picture()),
    "alimtalk": talk,
}
TYPES = {"sms": "SMS", "lms": "LMS", "mms": "MMS", "alimtalk": "AT"}


@given(
    st.lists(
        st.tuples(st.sampled_from(list(KINDS)), st.integers(0, 5), st.sampled_from(["가", "나", "다"])), max_size=60
    ),
    st.sampled_from([2, 3, 500]),
)
def test_each_message_is_in_one_call_and_no_call_has_a_recipient_twice(
    kinds: Sequence[tuple[str, int, str]], most: int
) -> None:
    messages = [KINDS[kind](f"0109000500{number}", text) for kind, number, text in kinds]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(texts, "MOST_EACH", most)
        patch.setattr(texts, "MOST_ALIKE", 2 * most)
        calls = Aligo("http://aligo", "http://kakao").calls(messages)
    assert sorted(each.message for call in calls for each in call) == sorted(each.message for each in messages)
    for call in calls:
        one_text = len({each.text for each in call}) == 1 and call[0].channel != "alimtalk"
        assert 1 <= len(call) <= (2 * most if one_text else most)
        assert len({each.to for each in call}) == len(call)
        assert len({(each.channel, each.subject, each.template_code) for each in call}) == 1


@pytest.mark.parametrize(("alike", "sizes"), [(True, [1_000, 200]), (False, [500, 500, 200])], ids=["one text", "many"])
async def test_calls_are_as_large_as_the_vendor_lets_them_be(
    aligo: Aligo, customer: ProviderAccount, submission: Of, simulator: Simulator, alike: bool, sizes: list[int]
) -> None:
    messages = [sms(f"010{at:04}9000", "안내" if alike else f"안내 {at}") for at in range(1_200)]
    calls = aligo.calls(messages)
    assert [len(call) for call in calls] == sizes
    for call in calls:
        assert len((await aligo.submit(customer, submission(*call))).accepted) == len(call)
    assert len(simulator.accepted()) == len(messages)
    with pytest.raises(ProviderRefused):
        await aligo.submit(customer, submission(*messages[:1_001]))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_is_found_by_what_was_sent_and_its_words_name_call_and_recipient(
    aligo: Aligo, customer: ProviderAccount, submission: Of, simulator: Simulator, kind: str
) -> None:
    call = submission(KINDS[kind](DELIVERED, "하나"), KINDS[kind](BAD_NUMBER, "둘"))
    assert await aligo.find(customer, call) is None
    submitted = await aligo.submit(customer, call)
    assert {each["type"] for each in simulator.accepted()} == {TYPES[kind]}
    assert {each["provider"] for each in simulator.accepted()} == {"aligo"}
    found = await aligo.find(customer, call)
    assert found is not None
    assert (found.batch, [each.message for each in found.accepted]) == (
        submitted.batch,
        [each.message for each in call.messages],
    )
    while simulator.control.get("/control/summary").json()["types"][TYPES[kind]].get("requested"):
        pass
    said = await aligo.batch_reports(customer, submitted.batch)
    assert {(word.batch, word.to, word.channel, word.outcome) for word in said if isinstance(word, Word)} == {
        (submitted.batch, DELIVERED, kind, Outcome.DELIVERED),
        (submitted.batch, BAD_NUMBER, kind, Outcome.FAILED),
    }


@pytest.mark.parametrize("kind", KINDS)
async def test_what_fits_in_part_is_not_taken_for_it(
    aligo: Aligo, customer: ProviderAccount, submission: Of, clock: SettableClock, kind: str
) -> None:
    make = KINDS[kind]
    await aligo.submit(customer, submission(make(DELIVERED, "하나")))
    with pytest.raises(ProviderAmbiguous):
        await aligo.find(customer, submission(make(DELIVERED, "하나"), make(BAD_NUMBER, "하나")))
    assert await aligo.find(customer, submission(make(BAD_NUMBER, "하나"))) is None
    assert await aligo.find(customer, submission(make(DELIVERED, "다른 말"))) is None
    await aligo.submit(customer, submission(make(DELIVERED, "하나")))
    with pytest.raises(ProviderAmbiguous):
        await aligo.find(customer, submission(make(DELIVERED, "하나")))
    later = Submission(uuid4(), clock.now() + dt.timedelta(minutes=5), [make(DELIVERED, "하나")])
    assert await aligo.find(customer, later) is None


@pytest.mark.parametrize("kind", KINDS)
async def test_recipients_that_are_counted_as_errors_are_found_out_and_refused_alone(
    aligo: Aligo, customer: ProviderAccount, submission: Of, simulator: Simulator, kind: str
) -> None:
    good, bad = KINDS[kind](DELIVERED, "하나"), KINDS[kind](REFUSED, "하나")
    submitted = await aligo.submit(customer, submission(good, bad))
    assert [each.message for each in submitted.accepted] == [good.message]
    assert [(each.message, each.code) for each in submitted.refused] == [(bad.message, "not_taken")]
    assert [each["to"] for each in simulator.accepted()] == [DELIVERED]
    with pytest.raises(ProviderRefused):
        await aligo.submit(customer, submission(bad))


@pytest.mark.parametrize("wrong", ["안녕😀", "뷁", "₩1,000"])
async def test_what_would_arrive_as_a_question_mark_never_leaves(
    aligo: Aligo, customer: ProviderAccount, submission: Of, simulator: Simulator, wrong: str
) -> None:
    good = sms()
    call = submission(sms(text=wrong), good)
    submitted = await aligo.submit(customer, call)
    assert [each.code for each in submitted.refused] == ["unencodable_characters"]
    assert [each["text"] for each in simulator.accepted()] == [good.text]
    found = await aligo.find(customer, call)
    assert found is not None
    assert [each.message for each in found.accepted] == [good.message]
    alone = submission(sms(text="가", channel="lms", subject=wrong))
    assert (await aligo.submit(customer, alone)).accepted == []
    assert await aligo.find(customer, alone) is None
    assert len(simulator.accepted()) == 1


@pytest.mark.parametrize("key", ["api_key", "user_id"])
@pytest.mark.parametrize("make", [sms, talk])
async def test_who_is_not_let_in_or_has_no_credit_has_sent_nothing_and_may_try_again(
    aligo: Aligo, submission: Of, simulator: Simulator, make: Any, key: str
) -> None:
    customer = simulator.add_customer(remaining=0)
    with pytest.raises(ProviderUnavailable) as caught:
        await aligo.submit(customer, submission(make()))
    assert caught.value.code == "-99"
    wrong = replace(customer, secrets={**customer.secrets, key: "another"})
    with pytest.raises(ProviderUnavailable) as caught:
        await aligo.submit(wrong, submission(make()))
    assert caught.value.code == "-101"
    assert simulator.accepted() == []


@pytest.mark.parametrize(
    ("account", "message"),
    [
        ({"sender": "0299999999"}, sms()),
        ({}, sms("0")),
        ({}, sms(text="가" * 46)),
        ({}, sms(channel="lms", subject="가" * 23)),
        ({}, sms(channel="mms", picture=picture(size=300 * 1024 + 1))),
        ({"kakao_channel": "another"}, talk()),
        ({}, replace(talk(), template_code="OF-NOBODY")),
        ({}, replace(talk(), text="가" * 1_001)),
    ],
    ids=["sender", "no number", "length", "title", "picture", "channel", "template", "long talk"],
)
async def test_what_the_vendor_does_not_take_is_refused(
    aligo: Aligo,
    customer: ProviderAccount,
    submission: Of,
    simulator: Simulator,
    account: dict[str, Any],
    message: OutboundMessage,
) -> None:
    with pytest.raises(ProviderRefused):
        await aligo.submit(replace(customer, **account), submission(message))
    assert simulator.accepted() == []


@pytest.mark.parametrize(
    ("make", "status", "body", "error"),
    [
        (sms, 429, {}, ProviderBusy),
        (sms, 500, {}, ProviderUndecided),
        (sms, 403, b"forbidden", ProviderUnavailable),
        (sms, 200, b"<html>", ProviderUndecided),
        (sms, 200, {"result_code": 1, "message": "success"}, ProviderUndecided),
        (sms, 200, {"result_code": "-804"}, ProviderRefused),
        (sms, 200, {"result_code": -99}, ProviderUnavailable),
        (sms, 200, {"result_code": "0"}, ProviderUndecided),
        (sms, 200, {"message": "success"}, ProviderUndecided),
        (talk, 200, {"code": "-99"}, ProviderUnavailable),
        (talk, 200, {"code": 509}, ProviderRefused),
        (talk, 200, {"code": 1, "message": "?"}, ProviderUndecided),
        (talk, 200, {"code": 0}, ProviderUndecided),
    ],
    ids=[
        *("too many", "failed", "not let in", "no JSON", "no id", "refused", "not now", "neither", "no code"),
        *("talk not now", "no manager", "talk neither", "talk no id"),
    ],
)
async def test_what_is_answered_means_refused_nothing_done_or_ask_first(
    submission: Of, make: Any, status: int, body: Any, error: type[ProviderError]
) -> None:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    client = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(status, content=content)))
    with pytest.raises(error) as caught:
        await Aligo("http://aligo", "http://kakao", client).submit(ACCOUNT, submission(make()))
    assert type(caught.value) is error


@pytest.mark.parametrize(("make", "code"), [(sms, "result_code"), (talk, "code")])
@pytest.mark.parametrize("as_text", [True, False])
async def test_a_code_may_be_a_number_or_a_text_and_nothing_is_sent_in_test_mode_or_in_its_place(
    submission: Of, make: Any, code: str, as_text: bool
) -> None:
    asked: list[dict[str, list[str]]] = []
    good = 1 if code == "result_code" else 0

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(parse_qs(request.content.decode()))
        taken = {"msg_id": 7, "error_cnt": "0", "info": {"mid": 7, "fcnt": "0"}}
        return httpx.Response(200, content=orjson.dumps({code: str(good) if as_text else good, **taken}))

    client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    submitted = await Aligo("http://aligo", "http://kakao", client).submit(ACCOUNT, submission(make()))
    assert len(submitted.accepted) == 1
    [form] = asked
    assert form.get("testmode_yn", form.get("testMode")) == ["N"]
    assert code == "result_code" or form["failover"] == ["N"]
    assert "fmessage_1" not in form


async def test_where_nobody_says_who_was_an_error_all_are_followed(
    aligo: Aligo, customer: ProviderAccount, submission: Of, simulator: Simulator
) -> None:
    simulator.set_faults_of("aligo", drop_before={"count": 1, "on": "sms_list"})
    submitted = await aligo.submit(customer, submission(sms(), sms(REFUSED)))
    assert (len(submitted.accepted), submitted.refused) == (2, [])


async def test_the_list_of_a_day_is_read_to_its_end_and_about_midnight_that_of_two(
    aligo: Aligo, customer: ProviderAccount, submission: Of, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = submission(sms())
    await aligo.submit(customer, call)
    monkeypatch.setattr("shared.providers.aligo.gateway.PAGE", 30)
    for at in range(31):
        await aligo.submit(customer, submission(sms(f"0109005{at:04}")))
    assert await aligo.find(customer, call) is not None
    midnight = dt.datetime(2026, 3, 1, 15, 1, tzinfo=dt.UTC)
    assert list(provider._days(midnight)) == ["20260301", "20260302"]
    assert list(provider._days(midnight + dt.timedelta(hours=1))) == ["20260302"]


@pytest.mark.parametrize(
    ("said", "outcome"),
    [("발송완료", Outcome.DELIVERED), ("발송실패", Outcome.FAILED), ("전송중", Outcome.SENT), ("새 말", Outcome.SENT)],
    ids=["delivered", "failed", "on its way", "of no table"],
)
def test_a_state_of_no_table_is_no_delivery(said: str, outcome: Outcome) -> None:
    assert texts.outcome_of(said) is outcome


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        ("0", Outcome.DELIVERED),
        ("U", Outcome.FAILED),
        ("K", Outcome.FAILED),
        ("3005", Outcome.UNCONFIRMED),
        ("", Outcome.SENT),
        ("7777", Outcome.SENT),
    ],
)
def test_a_result_of_no_table_is_no_delivery(result: str, outcome: Outcome) -> None:
    assert alimtalk.outcome_of(result) is outcome


async def test_what_kakao_says_comes_in_letters_or_codes(
    aligo: Aligo, customer: ProviderAccount, submission: Of, simulator: Simulator
) -> None:
    other_words = replace(talk("01090005000"), text="한 줄\n더")
    submitted = await aligo.submit(customer, submission(talk(), talk(NO_KAKAO), other_words))
    while simulator.control.get("/control/summary").json()["types"]["AT"].get("requested"):
        pass
    said = await aligo.batch_reports(customer, submitted.batch)
    assert {word.to: word.code for word in said if isinstance(word, Word)} == {
        DELIVERED: "0",
        NO_KAKAO: "K",
        "01090005000": "U",
    }
    assert {each["type"] for each in simulator.accepted()} == {"AT"}


def test_a_button_is_a_link_of_two() -> None:
    fields = alimtalk.call_of(ACCOUNT, [replace(talk(), buttons=[Button("보기", "https://m.example")])])
    assert orjson.loads(fields["button_1"]) == {
        "button": [
            {
                "name": "보기",
                "linkType": "WL",
                "linkTypeName": "웹링크",
                "linkMo": "https://m.example",
                "linkPc": "https://m.example",
            }
        ]
    }


def test_nobody_calls_us_for_it() -> None:
    aligo = Aligo("http://aligo", "http://kakao")
    assert (aligo.proof_of({"x": "y"}), webhook_proof("aligo", "secret"), aligo.webhook_entries([])) == ("", None, [])
    with pytest.raises(ValueError, match="nobody"):
        aligo.parse_webhook(b"[]")
    assert aligo.settlement is Settlement.MATCHED
    assert aligo.channels == {"sms", "lms", "mms", "alimtalk"}

"""NHN Cloud calls: results of KakaoTalk messages in every form, opt-outs, and what becomes of templates."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest

from shared.contracts.alimtalk import NOT_REACHED
from shared.contracts.outcomes import Outcome
from shared.platform.clock import SEOUL
from shared.providers.nhn.hooks import HookComment, OptOut, TemplateHook, opt_outs, template_hooks
from shared.providers.nhn.kakao import NhnKakao
from shared.providers.nhn.kakao_codes import FAILED, KNOWN, OUR_MISTAKES, UNCONFIRMED, outcome_of
from shared.providers.nhn.sms import Nhn
from tests.clock import NOON
from tests.log_lines import log_lines
from tests.providers.simulated import NHN_TEMPLATE, SENDER_KEY, Simulator

KAKAO = NhnKakao("http://nhn")


def hook(**fields: Any) -> dict[str, Any]:
    return {
        "hookId": "H",
        "kakaoMessageType": "ALIMTALK_NORMAL",
        "requestId": "R",
        "recipientSeq": 1,
        "receiveDate": "2026-11-21T12:00:05",
        "recipientGroupingKey": f"{UUID(int=7)}/0/alimtalk",
        "resultCode": "1000",
        **fields,
    }


def call(*hooks: Any, event: str = "MESSAGE_RESULT_UPDATE", **fields: Any) -> bytes:
    whole = {"hooksId": "1", "productName": "KakaoTalk Bizmessage", "appKey": "a", "event": event, "hooks": hooks}
    return orjson.dumps(whole | fields)


@pytest.mark.parametrize(
    ("fields", "outcome", "lasting"),
    [
        ({}, Outcome.DELIVERED, False),
        ({"resultCode": "3019"}, Outcome.FAILED, True),
        ({"resultCode": "3016"}, Outcome.FAILED, False),
        ({"resultCode": "3005"}, Outcome.UNCONFIRMED, False),
        ({"resultCode": "4161"}, Outcome.SENT, False),
        ({"resultCode": "7777"}, Outcome.SENT, False),
        ({"resultCode": None}, Outcome.SENT, False),
        ({"resultCode": "7777", "messageStatus": "FAILED"}, Outcome.FAILED, False),
    ],
    ids=["delivered", "no KakaoTalk", "our mistake", "unconfirmed", "under way", "unknown", "none", "unknown, failed"],
)
def test_a_hook_says_what_became_of_a_message(fields: dict[str, Any], outcome: Outcome, lasting: bool) -> None:
    [report] = KAKAO.parse_webhook(call(hook(**fields)))
    assert (report.message, report.attempt, report.channel) == (UUID(int=7), 0, "alimtalk")
    assert (report.outcome, report.lasting, report.at) == (outcome, lasting, NOON + dt.timedelta(seconds=5))
    assert report.code


def test_our_mistakes_are_told_and_a_code_of_no_table_is_kept_counted_and_told() -> None:
    with log_lines() as lines:
        [mistake] = KAKAO.parse_webhook(call(hook(resultCode="3027", resultCodeName="버튼")))
        [strange] = KAKAO.parse_webhook(call(hook(resultCode="7777")))
    assert "템플릿을 고쳐" in (mistake.detail or "")
    assert (strange.code, strange.outcome) == ("7777", Outcome.SENT)
    told = lines.of("providers")
    assert [(line["severity"], line["code"]) for line in told] == [("ERROR", "3027"), ("WARNING", "7777")]
    assert told[1]["count"] == 1


@pytest.mark.parametrize("form", ["array", "alone", "misspelt", "brand"])
def test_hooks_are_read_in_every_form(form: str) -> None:
    given, channel = hook(), "brand" if form == "brand" else "alimtalk"
    if form == "misspelt":
        given["recipientGropuingKey"] = given.pop("recipientGroupingKey")
    if form == "brand":
        given |= {"kakaoMessageType": "BRAND_MESSAGE_NORMAL", "recipientGroupingKey": f"{UUID(int=7)}/0/brand"}
    body = call(hooks=given) if form == "alone" else call(given)
    [report] = KAKAO.parse_webhook(body)
    assert (report.message, report.channel, report.outcome) == (UUID(int=7), channel, Outcome.DELIVERED)
    [entry] = KAKAO.webhook_entries(orjson.loads(body))
    assert KAKAO.parse_webhook(orjson.dumps(entry)) == [report]


@pytest.mark.parametrize(
    "body",
    [call(hook(recipientGroupingKey="a person's")), call(event="TEMPLATE"), call(), call(hook(), event="None")],
    ids=["a person's", "of templates", "nothing", "no event"],
)
def test_what_is_none_of_ours_is_no_report(body: bytes) -> None:
    assert KAKAO.parse_webhook(body) == []


@pytest.mark.parametrize(
    "body", [b"[]", b"{", b"{}", call("hook"), call({"recipientGroupingKey": f"{UUID(int=7)}/0/brand"})]
)
def test_what_nhn_can_not_have_sent_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        KAKAO.parse_webhook(body)


def test_one_code_is_a_delivery_and_the_tables_do_not_overlap() -> None:
    assert [code for code in KNOWN if outcome_of(code, "COMPLETED") is Outcome.DELIVERED] == ["1000"]
    assert {outcome_of(code, "COMPLETED") for code in FAILED} == {Outcome.FAILED}
    assert {outcome_of(code, "FAILED") for code in UNCONFIRMED} == {Outcome.UNCONFIRMED}
    assert not NOT_REACHED & OUR_MISTAKES
    assert not FAILED & UNCONFIRMED
    assert {*("3014", "3015", "3016", "3017"), *map(str, range(3025, 3041))} <= OUR_MISTAKES


def test_who_calls_the_free_number_is_told_as_one_who_opts_out() -> None:
    given = {
        "hookId": "H",
        "recipientNo": "010-1234-5678",
        "unsubscribeNo": "08012345678",
        "enterpriseName": "가게",
        "createdDateTime": "2026-11-21T12:00:05",
    }
    body = call(given, event="UNSUBSCRIBE", productName="SMS")
    assert opt_outs(body) == [OptOut("01012345678", "08012345678", NOON + dt.timedelta(seconds=5))]
    assert Nhn("http://nhn").parse_webhook(body) == []
    assert opt_outs(call(hook())) == []
    with pytest.raises(ValueError, match="recipientNo"):
        opt_outs(call({"unsubscribeNo": "080"}, event="UNSUBSCRIBE"))


def test_what_becomes_of_a_template_is_told_with_its_comments() -> None:
    comment = {"id": 3, "content": "변수가 너무 깁니다.", "userName": "검수자", "createdAt": "2026-11-21 12:00:05"}
    given = {
        "senderKey": SENDER_KEY,
        "templateCode": "t-1",
        "kakaoTemplateCode": "k",
        "status": "TSC04",
        "comments": [{**comment, "status": "REJ", "attachment": []}],
        "updateDate": "2026-11-21 12:00:06",
        "hookId": "H",
    }
    at = NOON.astimezone(SEOUL) + dt.timedelta(seconds=5)
    told = HookComment("3", "변수가 너무 깁니다.", "REJ", "검수자", at)
    [found] = template_hooks(call(given, event="WHATEVER_IT_IS"))
    assert found == TemplateHook(SENDER_KEY, "t-1", "TSC04", [told], at + dt.timedelta(seconds=1))
    assert KAKAO.parse_webhook(call(given, event="WHATEVER_IT_IS")) == []
    assert template_hooks(call(hook())) == []
    with pytest.raises(ValueError, match="senderKey"):
        template_hooks(call({"templateCode": "t", "status": "TSC03"}, event="T"))


async def test_the_verdict_of_an_inspection_is_brought_by_a_call(
    simulator: Simulator, client: httpx.AsyncClient
) -> None:
    app = simulator.add_kakao_app()
    verdict = {"provider": "nhn_kakao", "appKey": app.secrets["app_key"], "templateCode": NHN_TEMPLATE}
    told = simulator.control.put("/control/templates", json={**verdict, "status": "TSC04", "comment": "안 됩니다."})
    assert (told.json()["status"], told.json()["comments"][0]["content"]) == ("TSC04", "안 됩니다.")
    strange = simulator.control.put("/control/templates", json={**verdict, "status": "TSC04", "templateCode": "none"})
    nobody = simulator.control.put("/control/templates", json={**verdict, "provider": "sens", "status": "TSC04"})
    assert (strange.status_code, nobody.status_code) == (404, 422)

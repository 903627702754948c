"""What is refused when a message is handed over, and with which code."""

import base64
import struct
from typing import Any

import pytest

from tests.simulator.client import SENDER, Caller, Json, numbers, sms

TEMPLATE = {"templateId": "KA01TP1", "pfId": "PF1", "name": "예약", "content": "#{이름}님,\n#{시각} 예약입니다."}
FILLED = {"pfId": "PF1", "templateId": "KA01TP1", "variables": {"#{이름}": "가나", "#{시각}": "3시"}}


def alimtalk(to: str = "01012345678", **kakao: Any) -> Json:
    return {"to": to, "kakaoOptions": {**FILLED, "disableSms": True, **kakao}}


async def judged(solapi: Caller, message: Json) -> Json:
    answer = await solapi.send(message, showMessageList=True)
    [verdict] = answer["failedMessageList"] or answer["messageList"]
    return verdict  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (sms(""), "1010"),
        (sms("010-1234-5678"), "1011"),
        (sms("01012345678", ""), "1010"),
        (sms("01012345678", type="SMS", subject="제목"), "1013"),
        (sms("01012345678", type="LMS", subject="가" * 21), "1014"),
        (sms("01012345678", type="MMS"), "1034"),
        (sms("01012345678", imageId="ST-unknown"), "1023"),
        (sms("01012345678", type="POSTCARD"), "1025"),
        (sms("01012345678", type="CTA"), "1058"),
        (sms("01012345678", autoTypeDetect=False), "1010"),
        (sms("01012345678", "종소리\x07"), "1028"),
        (sms("01012345678", "뷁"), "1029"),
        (sms("01012345678", "웃음 😀"), "1029"),
        (sms("01012345678", "5,000₩"), "1029"),
        (sms("01012345678", "가" * 45 + "a", type="SMS"), "1031"),
        (sms("01012345678", "가" * 1000 + "a"), "1031"),
        (sms("01012345678", customFields={"k" * 31: "v"}), "1032"),
        (sms("01012345678", customFields={"k": "v" * 101}), "1032"),
        (sms("01012345678", customFields={"k": 1}), "1032"),
        (sms("01012345678", type="SMS", kakaoOptions=FILLED), "1033"),
        (sms("01012345678") | {"from": "0501234567"}, "1062"),
        (sms("01012345678") | {"from": ""}, "1062"),
        (sms("01099991026"), "1026"),
        (sms("01099991030"), "1030"),
        (sms("01099991060"), "1060"),
        (sms("01099991061"), "1061"),
        (sms("01099991062"), "1062"),
    ],
)
async def test_a_faulty_message_is_refused_with_its_code(solapi: Caller, message: Json, code: str) -> None:
    assert (await judged(solapi, message))["statusCode"] == code
    assert await solapi.accepted() == []


FAULTY_ALIMTALKS = {
    "no channel": (alimtalk(pfId=""), "1041"),
    "no template": ({"type": "ATA", **alimtalk(templateId="")}, "1042"),
    "a variable missing": (alimtalk(variables={"#{이름}": "가나"}), "1043"),
    "variables without their signs": (alimtalk(variables={"이름": "가나", "시각": "3시"}), "1043"),
    "an empty variable": (alimtalk(variables={"#{이름}": "가나", "#{시각}": ""}), "1043"),
    "a variable that is no text": (alimtalk(variables={"#{이름}": "가나", "#{시각}": 3}), "1011"),
    "a long text": (alimtalk(variables={"#{이름}": "가" * 1000, "#{시각}": "3시"}), "1031"),
    "six buttons": (alimtalk(buttons=[{"buttonType": "WL", "buttonName": "보기"}] * 6), "1050"),
    "a long button": (alimtalk(buttons=[{"buttonType": "WL", "buttonName": "가" * 15}]), "1049"),
    "SMS in its place": (alimtalk(disableSms=False), "1062"),
}


@pytest.mark.parametrize(("message", "code"), FAULTY_ALIMTALKS.values(), ids=FAULTY_ALIMTALKS)
async def test_a_faulty_alimtalk_is_refused_with_its_code(solapi: Caller, message: Json, code: str) -> None:
    await solapi.register(templates=[TEMPLATE])
    assert (await judged(solapi, message))["statusCode"] == code


ALIMTALKS_AT_KAKAO = {
    "filled": (alimtalk(), "4000"),
    "the template's text": (alimtalk() | {"text": "가나님,\n3시 예약입니다."}, "4000"),
    "another text": (alimtalk() | {"text": "가나님,\n\n3시 예약 입니다."}, "3103"),
    "an unknown template": (alimtalk(templateId="KA01TP-unknown"), "3105"),
    "another channel's template": (alimtalk(pfId="PF2"), "3105"),
    "a template that is not approved": (alimtalk(templateId="KA01TP-waiting"), "3105"),
}


@pytest.mark.parametrize(("message", "code"), ALIMTALKS_AT_KAKAO.values(), ids=ALIMTALKS_AT_KAKAO)
async def test_what_kakao_thinks_of_an_alimtalk_is_seen_only_at_delivery(
    solapi: Caller, message: Json, code: str
) -> None:
    waiting = {**TEMPLATE, "templateId": "KA01TP-waiting", "status": "INSPECTING"}
    await solapi.register(templates=[TEMPLATE, waiting])
    assert (await judged(solapi, message))["statusCode"] == "2000"
    settled = await solapi.settled()
    assert (settled["type"], settled["statusCode"]) == ("ATA", code)


async def test_an_alimtalk_is_accepted_with_its_filled_text(solapi: Caller) -> None:
    await solapi.register(templates=[TEMPLATE])
    await solapi.send(alimtalk())
    [accepted] = await solapi.accepted()
    assert (accepted["type"], accepted["text"]) == ("ATA", "가나님,\n3시 예약입니다.")


LINK = {"buttonType": "WL", "buttonName": "배송 조회", "linkMo": "https://moa.example/#{송장}", "linkPc": ""}
WITH_BUTTON = {**TEMPLATE, "buttons": [LINK]}
TRACKED = {**FILLED["variables"], "#{송장}": "1234"}  # type: ignore[dict-item]
FILLED_LINK = {**LINK, "linkMo": "https://moa.example/1234"}

BUTTONS = {
    "each variable given": (alimtalk(variables=TRACKED), "2000", "4000"),
    "the link's variable missing": (alimtalk(), "1043", "1043"),
    "the link's variable blank": (alimtalk(variables={**TRACKED, "#{송장}": ""}), "1043", "1043"),
    "the text's variable missing": (alimtalk(variables={"#{송장}": "1234"}), "1043", "1043"),
    "the template's text and no link": (alimtalk(variables={}) | {"text": "가나님,\n3시 예약입니다."}, "1043", "1043"),
    "the button given whole": (alimtalk(buttons=[FILLED_LINK]), "2000", "4000"),
    "another button": (alimtalk(buttons=[{**FILLED_LINK, "buttonName": "취소"}]), "2000", "3103"),
    "another link": (alimtalk(buttons=[{**FILLED_LINK, "linkMo": "https://other.example/1"}]), "2000", "3103"),
    "a button more": (alimtalk(buttons=[FILLED_LINK, FILLED_LINK]), "2000", "3103"),
    "a variable more": (alimtalk(variables={**TRACKED, "#{다른}": "x"}), "2000", "4000"),
}


@pytest.mark.parametrize(("message", "taken", "end"), BUTTONS.values(), ids=BUTTONS)
async def test_a_templates_buttons_want_their_variables_too(
    solapi: Caller, message: Json, taken: str, end: str
) -> None:
    await solapi.register(templates=[WITH_BUTTON])
    assert (await judged(solapi, message))["statusCode"] == taken
    if taken == "2000":
        assert (await solapi.settled())["statusCode"] == end
        [accepted] = await solapi.accepted()
        if end == "4000":
            assert accepted["buttons"] == [FILLED_LINK]


async def test_a_channel_of_another_account_fails_at_kakao(solapi: Caller) -> None:
    await solapi.register(templates=[TEMPLATE], pfIds=["PF9"])
    await solapi.send(alimtalk())
    assert (await solapi.settled())["statusCode"] == "3101"


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (sms("01012345678", "가" * 45), "SMS"),
        (sms("01012345678", "가" * 45 + "a"), "LMS"),
        (sms("01012345678", "짧다", subject="제목"), "LMS"),
        (sms("01012345678", "가" * 1000), "LMS"),
        (sms("01012345678", "▶ 확인 · “예약” €"), "SMS"),
        (sms("01012345678", "소문자", type="sms"), "SMS"),
        (sms("01012345678", "브랜드", type="BMS_TEXT", kakaoOptions={"pfId": "PF1", "disableSms": True}), "BMS_TEXT"),
    ],
)
async def test_the_type_is_found_from_the_content(solapi: Caller, message: Json, kind: str) -> None:
    await solapi.send(message)
    assert [accepted["type"] for accepted in await solapi.accepted()] == [kind]


@pytest.mark.parametrize(
    "sender", ["01012345678", "0212345678", "03112345678", "07012345678", "0801234567", "15881234"]
)
async def test_numbers_that_may_send(solapi: Caller, sender: str) -> None:
    await solapi.send(sms("01012345678") | {"from": sender})
    assert [accepted["from"] for accepted in await solapi.accepted()] == [sender]


async def test_only_registered_senders_may_send_once_some_are_registered(solapi: Caller) -> None:
    await solapi.register(senders=["15881234"])
    assert (await judged(solapi, sms("01012345678")))["statusCode"] == "1062"
    assert (await judged(solapi, sms("01012345678") | {"from": "15881234"}))["statusCode"] == "2000"


async def test_the_same_number_twice_in_a_request_is_sent_once(solapi: Caller) -> None:
    answer = await solapi.send(sms("01011112222", "하나"), sms("01011112222", "둘"))
    [refused] = answer["failedMessageList"]
    assert refused["statusCode"] == "1026"
    assert [accepted["text"] for accepted in await solapi.accepted()] == ["하나"]


async def test_duplicates_are_sent_when_they_are_allowed(solapi: Caller) -> None:
    answer = await solapi.send(sms("01011112222"), sms("01011112222"), allowDuplicates=True)
    assert answer["failedMessageList"] == []
    assert len(await solapi.accepted()) == 2


async def test_a_message_to_a_list_becomes_one_for_each_number(solapi: Caller) -> None:
    await solapi.send(sms("") | {"to": ["01011112222", "01033334444"]})
    assert [accepted["to"] for accepted in await solapi.accepted()] == ["01011112222", "01033334444"]


async def test_one_refusal_leaves_the_others_alone(solapi: Caller) -> None:
    fields = {"message": "0197"}
    answer = await solapi.send(sms("01011112222"), sms("01099991061", customFields=fields), showMessageList=True)
    [refused] = answer["failedMessageList"]
    [taken] = answer["messageList"]
    assert (refused["to"], refused["from"], refused["customFields"]) == ("01099991061", SENDER, fields)
    assert taken["statusCode"] == "2000"
    count = answer["groupInfo"]["count"]
    assert (count["total"], count["registeredSuccess"], count["registeredFailed"]) == (2, 1, 1)


async def test_when_all_are_refused_nothing_is_sent_or_charged(solapi: Caller) -> None:
    before = await solapi.call("GET", "/cash/v1/balance")
    answer = await solapi.send(sms("01099991061"))
    assert answer["groupInfo"]["status"] == "FAILED"
    assert answer["groupInfo"]["count"]["total"] == answer["groupInfo"]["count"]["registeredFailed"] == 1
    assert await solapi.call("GET", "/cash/v1/balance") == before


async def test_a_single_message_is_answered_with_its_status(solapi: Caller) -> None:
    taken = await solapi.call("POST", "/messages/v4/send", {"message": sms("01011112222")})
    refused = await solapi.call("POST", "/messages/v4/send", {"message": sms("01099991062")})
    assert (taken["statusCode"], taken["type"], taken["to"]) == ("2000", "SMS", "01011112222")
    assert refused["statusCode"] == "1062"
    assert [accepted["messageId"] for accepted in await solapi.accepted()] == [taken["messageId"]]


async def test_a_request_takes_ten_thousand_recipients(solapi: Caller) -> None:
    answer = await solapi.send(sms("") | {"to": list(numbers(10_000))})
    assert answer["groupInfo"]["count"]["registeredSuccess"] == 10_000
    refused = await solapi.request(
        "POST", "/messages/v4/send-many/detail", {"messages": [sms("") | {"to": list(numbers(10_001))}]}
    )
    assert (refused.status_code, refused.json()["errorCode"]) == (413, "RecipientsTooMany")


async def test_a_request_takes_fifteen_megabytes(solapi: Caller) -> None:
    body = {"messages": [sms("01011112222", "가" * (6 * 1024 * 1024))]}
    answer = await solapi.request("POST", "/messages/v4/send-many/detail", body)
    assert answer.status_code == 413


@pytest.mark.parametrize("messages", [None, {}, [], ["01012345678"]])
async def test_a_request_of_the_wrong_form_is_refused_as_a_whole(solapi: Caller, messages: Any) -> None:
    answer = await solapi.request("POST", "/messages/v4/send-many/detail", {"messages": messages})
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "ValidationError")


def jpeg(width: int, height: int, padding: int = 0) -> str:
    frame = b"\xff\xc0" + struct.pack(">HBHH", 17, 8, height, width) + bytes(10)
    return base64.b64encode(b"\xff\xd8\xff\xe0\x00\x04xx" + frame + bytes(padding)).decode()


async def test_an_uploaded_image_makes_an_mms(solapi: Caller) -> None:
    stored = await solapi.call("POST", "/storage/v1/files", {"file": jpeg(1000, 1000), "type": "MMS", "name": "a.jpg"})
    await solapi.send(sms("01011112222", imageId=stored["fileId"]))
    assert [accepted["type"] for accepted in await solapi.accepted()] == ["MMS"]


@pytest.mark.parametrize(
    "upload",
    [
        {"type": "MMS", "file": jpeg(1501, 100)},
        {"type": "MMS", "file": jpeg(100, 100, padding=200 * 1024)},
        {"type": "MMS", "file": base64.b64encode(b"GIF89a and more").decode()},
        {"type": "ATA", "file": jpeg(500, 300)},
        {"type": "ATA", "file": jpeg(400, 200)},
        {"type": "MMS", "file": "not base64!"},
        {"type": "MMS"},
        {"type": "POSTCARD", "file": jpeg(10, 10)},
    ],
)
async def test_an_image_beyond_the_limits_is_refused(solapi: Caller, upload: Json) -> None:
    answer = await solapi.request("POST", "/storage/v1/files", upload)
    assert answer.status_code == 400
    assert answer.json()["errorMessage"]


async def test_an_alimtalk_image_is_twice_as_wide_as_high(solapi: Caller) -> None:
    stored = await solapi.call("POST", "/storage/v1/files", {"type": "ATA", "file": jpeg(800, 400)})
    assert (stored["width"], stored["height"]) == (800, 400)

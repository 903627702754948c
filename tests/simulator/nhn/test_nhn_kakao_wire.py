"""NHN Cloud's KakaoTalk service as it answers: as strict as its guide, with HTTP 200 also for what it refuses."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.simulator.client import PATIENCE, Json
from tests.tls import NO_TLS

CHANNEL = "c" * 40
ALIMTALK, BRAND = "/alimtalk/v2.3/appkeys", "/brand-message/v1.0/appkeys"
TEMPLATES = f"/senders/{CHANNEL}/templates"


@dataclass
class App:
    """One account's requests, and the control API."""

    http: httpx.AsyncClient
    key: str
    secret: str = "secret"

    async def call(self, method: str, path: str, body: Any = None, key: str | None = None, **query: str) -> Json:
        base = BRAND if path == "/freestyle-messages" else ALIMTALK
        headers = {"X-Secret-Key": self.secret} | ({"X-NC-API-IDEMPOTENCY-KEY": key} if key else {})
        answer = await self.http.request(method, f"{base}/{self.key}{path}", json=body, params=query, headers=headers)
        assert answer.status_code == 200
        return answer.json()  # type: ignore[no-any-return]

    async def code(self, method: str, path: str, body: Any = None, key: str | None = None, **query: str) -> int:
        header = (await self.call(method, path, body, key, **query))["header"]
        assert header["isSuccessful"] == (header["resultCode"] == 0)
        return int(header["resultCode"])

    async def control(self, path: str, body: Json) -> httpx.Response:
        return await self.http.put(f"/control/{path}", json=body)

    async def accepted(self) -> list[Json]:
        found: list[Json] = (await self.http.get("/control/accepted")).json()["accepted"]
        return found


@pytest.fixture
async def app(simulator: str) -> AsyncIterator[App]:
    async with httpx.AsyncClient(base_url=simulator, timeout=PATIENCE, verify=NO_TLS) as http:
        app = App(http, f"app{uuid.uuid4().hex[:12]}")
        await app.control("faults", {"report_delay_ms": 1})
        await http.delete("/control/accepted")
        given = {"provider": "nhn_kakao", "appKey": app.key, "secretKey": app.secret, "senderKeys": [CHANNEL]}
        templates = [
            {"templateCode": "hello", "senderKey": CHANNEL, "content": "#{이름}님, 예약 안내"},
            {"templateCode": "new", "senderKey": CHANNEL, "content": "#{이름}", "status": "TSC02"},
        ]
        assert (await app.control("accounts", {**given, "templates": templates})).status_code == 200
        yield app
        await app.control("faults", {})


def alimtalk(*numbers: str, **fields: Any) -> Json:
    recipients = [{"recipientNo": number, "templateParameter": {"이름": "하나"}} for number in numbers]
    return {"senderKey": CHANNEL, "templateCode": "hello", "recipientList": recipients, **fields}


def brand(*numbers: str, targeting: str | None = "I", **fields: Any) -> Json:
    recipients = [{"recipientNo": number, "targeting": targeting} for number in numbers]
    return {"senderKey": CHANNEL, "chatBubbleType": "TEXT", "content": "새 메뉴", "recipientList": recipients, **fields}


ONE = "01011112222"
VALUES = {"recipientNo": ONE, "templateParameter": {}}


@pytest.mark.parametrize(
    ("given", "code"),
    [
        pytest.param(alimtalk(), -2001, id="no recipients"),
        pytest.param(alimtalk(*[ONE] * 1_001), -2004, id="too many"),
        pytest.param(alimtalk(ONE, senderKey="another"), -2017, id="another channel"),
        pytest.param(alimtalk(ONE, senderKey=None), -2001, id="no channel"),
        pytest.param(alimtalk(ONE, senderKey="c" * 41), -2000, id="a long channel"),
        pytest.param(alimtalk(ONE, templateCode="nobody"), -3003, id="no such template"),
        pytest.param(alimtalk(ONE, templateCode="t" * 21), -2000, id="a long template"),
        pytest.param(alimtalk(ONE, templateCode="new"), -3005, id="not approved"),
        pytest.param(alimtalk(recipientList=[VALUES]), -3004, id="a value is missing"),
        pytest.param(alimtalk(recipientList=[{**VALUES, "templateParameter": {"이름": 1}}]), -3004, id="no text"),
        pytest.param(
            alimtalk(recipientList=[{**VALUES, "templateParameter": {"이름": "가" * 1_301}}]), -3048, id="a long value"
        ),
        pytest.param(alimtalk(ONE, ""), -2001, id="an empty number"),
        pytest.param(alimtalk("0" * 16), -2000, id="a long number"),
        pytest.param(alimtalk(ONE, "01090001060"), -4019, id="one refused for all"),
        pytest.param(alimtalk(ONE, requestDate="2020-01-01 10:00"), -2025, id="a past date"),
        pytest.param(alimtalk(ONE, requestDate="2200-01-01 10:00"), -2026, id="a far date"),
        pytest.param(alimtalk(ONE, requestDate="내일"), -2027, id="no date"),
        pytest.param(alimtalk(ONE, senderGroupingKey="k" * 101), -2000, id="a long name"),
        pytest.param([], -3002, id="no object"),
    ],
)
async def test_an_alimtalk_that_breaks_a_rule_is_refused_whole(app: App, given: Any, code: int) -> None:
    assert await app.code("POST", "/messages", given) == code
    assert await app.accepted() == []


@pytest.mark.parametrize(
    ("given", "code"),
    [
        pytest.param(brand(ONE, targeting=None), -3298, id="no targeting"),
        pytest.param(brand(ONE, targeting="M"), -4029, id="who is no friend"),
        pytest.param(brand(ONE, targeting="X"), -3304, id="no such targeting"),
        pytest.param(brand(ONE, content="가" * 1_301), -2024, id="a long text"),
        pytest.param(brand(ONE, content=""), -2001, id="no text"),
        pytest.param(brand(ONE, chatBubbleType="IMAGE"), -3319, id="no image"),
        pytest.param(brand(ONE, chatBubbleType="IMAGE", image={"imageUrl": "https://x"}), -8002, id="another image"),
        pytest.param(brand(ONE, chatBubbleType="POEM"), -3304, id="no such type"),
        pytest.param(brand(ONE, buttons=[{"name": "가", "type": "WL"}]), -2018, id="a button without a link"),
        pytest.param(brand(ONE, unsubscribeNo="0212345678"), -3340, id="no free number"),
    ],
)
async def test_a_brand_message_that_breaks_a_rule_is_refused_whole(app: App, given: Any, code: int) -> None:
    assert await app.code("POST", "/freestyle-messages", given) == code
    assert await app.accepted() == []


async def test_who_has_not_the_key_is_not_let_in(app: App) -> None:
    app.secret = "another"
    assert await app.code("POST", "/messages", alimtalk(ONE)) == -1001
    app.key = "nobody"
    assert await app.code("POST", "/messages", alimtalk(ONE)) == -1000


async def test_a_key_is_used_once_in_ten_minutes_and_gives_no_first_answer_again(app: App) -> None:
    assert await app.code("POST", "/messages", alimtalk(ONE), "k") == 0
    assert await app.code("POST", "/messages", alimtalk(ONE), "k") == -1005
    assert await app.code("POST", "/messages", alimtalk(ONE), "another") == 0
    assert await app.code("POST", "/messages", alimtalk(ONE)) == 0
    for _ in range(2):  # the guide has none for these
        assert await app.code("POST", "/freestyle-messages", brand(ONE), "b") == 0
    assert len(await app.accepted()) == 5


async def test_a_console_that_resends_does_so_unless_each_recipient_says_no(app: App) -> None:
    setting = {"provider": "nhn_kakao", "appKey": app.key, "secretKey": app.secret, "resends": True}
    await app.control("accounts", setting)
    silent = {"recipientNo": "01090003104", "templateParameter": {"이름": "하나"}}
    refusing = {**silent, "resendParameter": {"isResend": False}}
    await app.code("POST", "/messages", alimtalk(recipientList=[refusing]))
    await app.code("POST", "/messages", alimtalk(recipientList=[silent]))
    request = (await app.call("POST", "/messages", alimtalk(ONE)))["message"]["requestId"]
    while not (await app.call("GET", f"/messages/{request}/1"))["message"]["resultCode"]:
        pass
    assert sorted(each["type"] for each in await app.accepted()) == ["ALIMTALK", "ALIMTALK", "ALIMTALK", "SMS"]


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("/messages", {}, -4000),
        ("/messages", {"startCreateDate": "2026-11-01 00:00", "endCreateDate": "2026-12-20 00:00"}, -4003),
        ("/messages", {"startCreateDate": "2026-11-01 00:00:00", "endCreateDate": "2026-11-02 00:00:00"}, -2027),
        ("/messages", {"requestId": "R", "pageSize": "1001"}, -4000),
        ("/message-results", {"startUpdateDate": "2026-11-01 00:00"}, -4000),
        ("/messages/R/1", {}, -1016),
    ],
    ids=["nothing asked", "more than a month", "seconds", "long pages", "no end", "no such message"],
)
async def test_a_question_that_breaks_a_rule_is_refused(app: App, path: str, query: dict[str, str], code: int) -> None:
    assert await app.code("GET", path, **query) == code


def template(code: str = "mine", **fields: Any) -> Json:
    return {"templateCode": code, "templateName": f"이름 {code}", "templateContent": "#{이름}님", **fields}


@pytest.mark.parametrize(
    ("given", "code"),
    [
        pytest.param(template(), 0, id="good"),
        pytest.param(template("hello"), -3001, id="a code that there is"),
        pytest.param(template(templateName="hello"), -3001, id="a name that there is"),
        pytest.param(template(templateContent=""), -2001, id="no words"),
        pytest.param(template(templateContent="가" * 1_301), -2000, id="a long text"),
        pytest.param(template(buttons=[{"type": "WL", "name": "#{이름}"}]), -3008, id="a variable in a name"),
        pytest.param(template(buttons=[{"type": "AC", "name": "추가"}]), -3026, id="another name"),
        pytest.param(template(buttons=[{"type": "WL", "name": "보기", "linkMo": "x.kr"}]), -3006, id="no link"),
    ],
)
async def test_a_template_is_registered_or_refused(app: App, given: Json, code: int) -> None:
    assert await app.code("POST", TEMPLATES, given) == code


async def test_a_template_goes_the_way_of_its_inspection(app: App) -> None:
    verdict = {"provider": "nhn_kakao", "appKey": app.key, "templateCode": "mine"}
    assert await app.code("POST", TEMPLATES, template()) == 0
    assert await app.code("PUT", f"{TEMPLATES}/mine", template()) == -3012
    await app.control("templates", {**verdict, "status": "TSC04", "comment": "변수를 줄여 주세요."})
    shown = (await app.call("GET", f"{TEMPLATES}/mine"))["templates"]
    assert (shown["status"], [each["status"] for each in shown["comments"]]) == ("TSC04", ["REJ"])
    assert await app.code("POST", f"{TEMPLATES}/mine/comments", {"comment": "줄였습니다."}) == 0
    assert (await app.call("GET", f"{TEMPLATES}/mine"))["templates"]["status"] == "TSC02"
    await app.control("templates", {**verdict, "status": "TSC03"})
    assert await app.code("POST", f"{TEMPLATES}/mine/comments", {"comment": "?"}) == -3100
    listed = (await app.call("GET", TEMPLATES))["templateListResponse"]
    assert (listed["totalCount"], [each["templateCode"] for each in listed["templates"]]) == (
        3,
        ["hello", "new", "mine"],
    )
    assert await app.code("DELETE", f"{TEMPLATES}/mine") == 0
    assert await app.code("GET", f"{TEMPLATES}/mine") == -3003

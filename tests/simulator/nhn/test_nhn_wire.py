"""NHN Cloud's SMS as it answers: as strict as its guide, with HTTP 200 also for what it refuses."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.simulator.client import PATIENCE, SENDER, Json
from tests.tls import NO_TLS


@dataclass
class App:
    """One account's requests, and the control API."""

    http: httpx.AsyncClient
    key: str
    secret: str = "secret"

    async def call(self, method: str, path: str, body: Any = None, **query: str) -> Json:
        headers = {"X-Secret-Key": self.secret}
        answer = await self.http.request(
            method, f"/sms/v3.0/appKeys/{self.key}{path}", json=body, params=query, headers=headers
        )
        assert answer.status_code == 200
        return answer.json()  # type: ignore[no-any-return]

    async def code(self, method: str, path: str, body: Any = None, **query: str) -> int:
        header = (await self.call(method, path, body, **query))["header"]
        assert header["isSuccessful"] == (header["resultCode"] == 0)
        return int(header["resultCode"])

    async def control(self, method: str, path: str, body: Json) -> httpx.Response:
        return await self.http.request(method, f"/control/{path}", json=body)

    async def accepted(self) -> list[Json]:
        found = (await self.http.get("/control/accepted")).json()["accepted"]
        return [each for each in found if each["provider"] == "nhn"]


@pytest.fixture
async def app(simulator: str) -> AsyncIterator[App]:
    async with httpx.AsyncClient(base_url=simulator, timeout=PATIENCE, verify=NO_TLS) as http:
        app = App(http, f"app{uuid.uuid4().hex[:12]}")
        await app.control("PUT", "faults", {"report_delay_ms": 1})
        await http.delete("/control/accepted")
        given = {"provider": "nhn", "appKey": app.key, "secretKey": app.secret, "senders": [SENDER]}
        assert (await app.control("PUT", "accounts", given)).status_code == 200
        yield app
        await app.control("PUT", "faults", {})


def body(*numbers: str, **fields: Any) -> Json:
    recipients = [{"recipientNo": number, "recipientGroupingKey": f"R{at}"} for at, number in enumerate(numbers)]
    return {"body": "예약 안내", "sendNo": SENDER, "senderGroupingKey": "S", "recipientList": recipients, **fields}


@pytest.mark.parametrize(
    ("kind", "given", "code"),
    [
        ("sms", body(), -2001),
        ("sms", body(*["01011112222"] * 1001), -2016),
        ("sms", body("01011112222", sendNo="0299999999"), -2312),
        ("sms", body("01011112222", sendNo=None), -2312),
        ("sms", body("01011112222", body=""), -2014),
        ("sms", body("01011112222", body="가" * 256), -2015),
        ("mms", body("01011112222", title="제목", body="가" * 4001), -2015),
        ("mms", body("01011112222"), -2014),
        ("mms", body("01011112222", title="가" * 121), -2015),
        ("sms", body("01011112222", body="안녕 😀"), -2023),
        ("sms", body("01011112222", requestDate="2020-01-01 10:00"), -2022),
        ("sms", body("01011112222", requestDate="내일"), -2000),
        ("sms", body("01011112222", senderGroupingKey="k" * 101), 4),
        ("sms", body("01011112222", ""), -2018),
        ("sms", body("01011112222", "0212345678"), -2019),
        ("sms", body("01011112222", "01090001060"), -2019),
        ("sms", [], -9997),
        ("fax", body("01011112222"), -9997),
    ],
    ids=[
        "no recipients",
        "too many",
        "another sender",
        "no sender",
        "no text",
        "long SMS",
        "long LMS",
        "no title",
        "long title",
        "emoji",
        "a past date",
        "no date",
        "a long name",
        "an empty number",
        "a land line",
        "one refused for all",
        "no object",
        "no such kind",
    ],
)
async def test_a_call_that_breaks_a_rule_is_refused_whole(app: App, kind: str, given: Any, code: int) -> None:
    assert await app.code("POST", f"/sender/{kind}", given) == code
    assert await app.accepted() == []


async def test_who_has_not_the_key_is_not_let_in(app: App) -> None:
    app.secret = "another"
    assert await app.code("POST", "/sender/sms", body("01011112222")) == -1000
    app.key = "nobody"
    assert await app.code("POST", "/sender/sms", body("01011112222")) == -1001


async def test_recipients_are_answered_for_one_by_one_and_listed_by_our_names(app: App) -> None:
    answer = await app.call("POST", "/sender/sms", body("01011112222", "01090001061"))
    data = answer["body"]["data"]
    assert [(each["recipientSeq"], each["resultCode"]) for each in data["sendResultList"]] == [(1, 0), (2, -6001)]
    found = await app.call("GET", "/sender/sms", requestId=data["requestId"], senderGroupingKey="S")
    assert [(each["recipientNo"], each["recipientGroupingKey"]) for each in found["body"]["data"]] == [
        ("01011112222", "R0")
    ]
    other = await app.call("GET", "/sender/sms", requestId=data["requestId"], senderGroupingKey="another")
    assert other["body"]["data"] == []
    alone = await app.call("GET", f"/sender/sms/{data['requestId']}", recipientSeq="1")
    assert alone["body"]["data"]["recipientGroupingKey"] == "R0"
    assert await app.code("GET", f"/sender/sms/{data['requestId']}", recipientSeq="2") == -2008


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("/sender/sms", {}, -2011),
        ("/sender/sms", {"startCreateDate": "2026-11-01 00:00:00", "endCreateDate": "2026-12-20 00:00:00"}, -4000),
        ("/sender/sms", {"startCreateDate": "2026-11-01", "endCreateDate": "2026-11-02"}, -2000),
        ("/sender/sms", {"requestId": "R", "pageSize": "1001"}, -1005),
        ("/message-results", {"startUpdateDate": "2026-11-01 00:00:00"}, -2011),
        (
            "/message-results",
            {"startUpdateDate": "2026-11-01 00:00:00", "endUpdateDate": "2026-11-02 00:00:01"},
            -4000,
        ),
    ],
    ids=["nothing asked", "more than a month", "dates", "long pages", "no end", "more than a day"],
)
async def test_a_question_that_breaks_a_rule_is_refused(app: App, path: str, query: dict[str, str], code: int) -> None:
    assert await app.code("GET", path, **query) == code


async def test_what_is_longer_than_the_standard_reaches_a_phone_cut(app: App) -> None:
    await app.call("POST", "/sender/sms", body("01011112222", body="가" * 60))
    [message] = await app.accepted()
    assert message["text"] == "가" * 45


JPEG = "/9j/4AAQ"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        pytest.param({"fileName": "a.jpg", "fileBody": JPEG}, 0, id="good"),
        pytest.param({"fileName": "a" * 42 + ".jpg", "fileBody": JPEG}, -2002, id="a long name"),
        pytest.param({"fileName": "a.png", "fileBody": JPEG}, -2003, id="another kind"),
        pytest.param({"fileName": "a.jpg", "fileBody": "?"}, -2009, id="no base64"),
        pytest.param({"fileName": "a.jpg", "fileBody": ""}, -2005, id="nothing"),
        pytest.param({"fileName": "a.jpg", "fileBody": "A" * 409_604}, -2005, id="too large"),
    ],
)
async def test_a_picture_is_taken_or_refused(app: App, given: Json, code: int) -> None:
    assert await app.code("POST", "/attachfile/binaryUpload", given) == code


async def test_a_message_shows_the_pictures_that_were_brought_and_no_others(app: App) -> None:
    answer = await app.call("POST", "/attachfile/binaryUpload", {"fileName": "a.jpg", "fileBody": JPEG})
    file_id = answer["body"]["data"]["fileId"]
    mms = body("01011112222", title="제목")
    assert await app.code("POST", "/sender/mms", {**mms, "attachFileIdList": [file_id + 1]}) == -2004
    assert await app.code("POST", "/sender/mms", {**mms, "attachFileIdList": [file_id] * 4}) == -9997
    assert await app.code("POST", "/sender/mms", {**mms, "attachFileIdList": [file_id]}) == 0
    [message] = await app.accepted()
    assert (message["type"], message["files"]) == ("MMS", ["a.jpg"])


async def test_an_identical_message_fails_where_the_project_says_so(app: App) -> None:
    setting = {"provider": "nhn", "appKey": app.key, "secretKey": app.secret, "blocksDuplicates": True}
    await app.control("PUT", "accounts", setting)
    for _ in range(2):
        assert await app.code("POST", "/sender/sms", body("01011112222")) == 0
    assert len(await app.accepted()) == 1


@pytest.mark.parametrize("order", [{"outage": True}, {"fail_inside": {"rate": 1}}], ids=["outage", "failures"])
async def test_faults_of_one_provider_are_no_others(app: App, order: Json) -> None:
    await app.control("PUT", "faults", {"provider": "solapi", **order})
    assert await app.code("POST", "/sender/sms", body("01011112222")) == 0
    shown = (await app.http.get("/control/faults")).json()
    assert (shown["outage"], list(shown["providers"])) == (False, ["solapi"])
    await app.control("PUT", "faults", {})
    assert "providers" not in (await app.http.get("/control/faults")).json()


@pytest.mark.parametrize("path", ["faults", "accounts"])
async def test_a_provider_that_is_none_is_said_to_be_so(app: App, path: str) -> None:
    answer = await app.control("PUT", path, {"provider": "pigeon"})
    assert answer.status_code == 422
    assert [detail["field"] for detail in answer.json()["details"]] == ["provider"]


async def test_a_failure_inside_says_nothing_of_what_was_done(app: App) -> None:
    await app.control("PUT", "faults", {"provider": "nhn", "accept_then_fail": {"count": 1}})
    assert await app.code("POST", "/sender/sms", body("01011112222")) == -9999
    assert len(await app.accepted()) == 1
    await app.control("PUT", "faults", {"provider": "nhn", "fail_inside": {"count": 1}})
    assert await app.code("POST", "/sender/sms", body("01011112222")) == -9999
    assert len(await app.accepted()) == 1

"""Naver Cloud's SENS as it answers: signatures over the first line as it came, and questions that may not be asked."""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.simulator.client import PATIENCE, SENDER, Json, now_there
from tests.tls import NO_TLS

NUMBER = "01011112222"


@dataclass
class Project:
    """A customer's project, its requests and the control API."""

    http: httpx.AsyncClient
    service: str
    kakao: str
    skew: float = 0

    async def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        moment = str(int((now_there().timestamp() + self.skew) * 1000))
        signed = f"{method} {path}\n{moment}\nkey".encode()
        digest = hmac.new(b"secret", signed, hashlib.sha256).digest()
        headers = {
            "x-ncp-apigw-timestamp": moment,
            "x-ncp-iam-access-key": "key",
            "x-ncp-apigw-signature-v2": base64.b64encode(digest).decode(),
        }
        return await self.http.request(method, path, json=body, headers=headers)

    async def status(self, query: str, *, of: str = "sms") -> int:
        service = self.service if of == "sms" else self.kakao
        return (await self.call("GET", f"/{of}/v2/services/{service}/messages?{query}")).status_code


@pytest.fixture
async def project(simulator: str) -> AsyncIterator[Project]:
    async with httpx.AsyncClient(base_url=simulator, timeout=PATIENCE, verify=NO_TLS) as http:
        number = uuid.uuid4().hex[:12]
        project = Project(http, f"ncp:sms:kr:{number}:s", f"ncp:kkobizmsg:kr:{number}:s")
        given = {
            "provider": "sens",
            "serviceId": project.service,
            "kakaoServiceId": project.kakao,
            "accessKey": "key",
            "secretKey": "secret",
            "senders": [SENDER],
            "channels": ["@cafe"],
            "templates": [{"templateCode": "T", "content": "#{이름}님, 어서 오세요."}],
        }
        assert (await http.put("/control/accounts", json=given)).status_code == 200
        yield project


def text(**more: Any) -> Json:
    return {"type": "SMS", "from": SENDER, "content": "안내", "messages": [{"to": NUMBER}], **more}


async def test_a_service_id_may_be_written_as_it_is_or_encoded(project: Project) -> None:
    for written in (project.service, quote(project.service, safe="")):
        assert (await project.call("POST", f"/sms/v2/services/{written}/messages", text())).status_code == 202


async def test_a_signature_of_another_time_and_the_service_of_another_kind_open_nothing(project: Project) -> None:
    assert (await project.call("POST", f"/sms/v2/services/{project.kakao}/messages", text())).status_code == 404
    project.skew = 301
    answer = await project.call("POST", f"/sms/v2/services/{project.service}/messages", text())
    assert (answer.status_code, answer.json()["error"]["errorCode"]) == (401, "200")


@pytest.mark.parametrize(
    "body",
    [
        text(type="FAX"),
        text(contentType="SPAM"),
        text(**{"from": "0299999999"}),
        text(content=""),
        text(messages=[]),
        text(messages=[{"to": NUMBER}] * 101),
        text(messages=[{"to": "010-1111-2222"}]),
        text(type="MMS", files=[{"fileId": "of-nobody"}]),
    ],
    ids=["type", "content type", "sender", "no words", "nobody", "too many", "hyphens", "file"],
)
async def test_a_text_that_does_not_fit_is_refused_whole(project: Project, body: Json) -> None:
    assert (await project.call("POST", f"/sms/v2/services/{project.service}/messages", body)).status_code == 400


@pytest.mark.parametrize(
    ("query", "of", "status"),
    [
        ("pageSize=20", "sms", 400),
        ("requestId=R", "sms", 404),
        ("requestId=R&pageSize=101", "sms", 400),
        ("completeStartTime=2026-01-01%2000:00:00&completeEndTime=2026-01-02%2000:00:01", "sms", 400),
        ("requestStartTime=2026-01-01%2000:00:00&requestEndTime=2026-02-01%2000:00:00", "sms", 400),
        ("requestStartTime=2026-01-01&requestEndTime=2026-01-02", "sms", 400),
        ("requestStartTime=2026-01-01%2000:00:00&requestEndTime=2026-01-02%2000:00:00", "alimtalk", 400),
        (
            "requestStartTime=2026-01-01%2000:00:00&requestEndTime=2026-01-02%2000:00:00&plusFriendId=@c",
            "alimtalk",
            404,
        ),
    ],
    ids=["nothing", "none", "page", "a day", "a month", "written otherwise", "no channel", "of a channel"],
)
async def test_what_may_be_asked_for_is_as_documented(project: Project, query: str, of: str, status: int) -> None:
    assert await project.status(query, of=of) == status


async def test_an_over_long_text_is_cut_and_one_with_an_emoji_fails_afterwards(project: Project) -> None:
    await project.http.delete("/control/accepted")
    for content in ("가" * 46, "안녕😀"):
        body = text(content=content)
        answer = await project.call("POST", f"/sms/v2/services/{project.service}/messages", body)
        assert answer.status_code == 202
    accepted = (await project.http.get("/control/accepted")).json()["accepted"]
    assert [each["text"] for each in accepted if each["provider"] == "sens"] == ["가" * 45, "안녕?"]

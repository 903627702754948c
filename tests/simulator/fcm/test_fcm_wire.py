"""Firebase Cloud Messaging as it answers: as strict as Google; a token chooses what becomes of its messages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from shared.platform.clock import WallClock
from shared.providers import ProviderAccount
from shared.providers.google_tokens import GoogleTokens
from simulator.fcm.intake import LARGEST
from tests.providers.simulated import PRIVATE_KEY, device
from tests.simulator.client import Caller
from tests.tls import NO_TLS

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
EMAIL = "firebase-adminsdk@wire.iam.gserviceaccount.com"


@dataclass
class Project:
    """A caller with an access token of its own project."""

    http: httpx.AsyncClient
    token: str

    async def send(self, message: dict[str, Any], project: str = "wire", **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        body = {"message": message, **more}
        return await self.http.post(f"/v1/projects/{project}/messages:send", json=body, headers=headers)


@pytest.fixture
async def project(simulator: str, solapi: Caller) -> AsyncIterator[Project]:
    account = {"provider": "fcm", "projectId": "wire", "clientEmail": EMAIL, "privateKey": PRIVATE_KEY}
    await solapi.control("PUT", "accounts", account)
    secrets = {"client_email": EMAIL, "private_key": PRIVATE_KEY}
    async with httpx.AsyncClient(base_url=simulator, verify=NO_TLS) as http:
        tokens = GoogleTokens(simulator, WallClock(), http)
        yield Project(http, await tokens.of(ProviderAccount("t", "push", "fcm", "", None, secrets), SCOPE))


async def test_a_message_is_taken_and_told_of_without_its_key(project: Project, solapi: Caller) -> None:
    token = device()
    sent = await project.send({"token": token, "notification": {"title": "주문", "body": "도착"}, "data": {"a": "1"}})
    assert sent.status_code == 200
    [accepted] = (await solapi.control("GET", "accepted"))["accepted"]
    told = {name: accepted[name] for name in ("provider", "to", "type", "title", "text", "data", "messageId")}
    assert told == {
        "provider": "fcm",
        "to": token,
        "type": "push",
        "title": "주문",
        "text": "도착",
        "data": {"a": "1"},
        "messageId": sent.json()["name"],
    }
    assert PRIVATE_KEY not in str(await solapi.control("GET", "accounts"))


async def test_what_is_only_looked_at_is_not_taken(project: Project, solapi: Caller) -> None:
    assert (await project.send({"token": device()}, validate_only=True)).status_code == 200
    assert (await solapi.control("GET", "accepted"))["accepted"] == []


ENDS = {
    "UNREGISTERED": (404, "UNREGISTERED"),
    "SENDER_ID_MISMATCH": (403, "SENDER_ID_MISMATCH"),
    "THIRD_PARTY_AUTH_ERROR": (401, "THIRD_PARTY_AUTH_ERROR"),
    "DEVICE_QUOTA_EXCEEDED": (429, "QUOTA_EXCEEDED"),
    "QUOTA_EXCEEDED": (429, "QUOTA_EXCEEDED"),
    "UNAVAILABLE": (503, "UNAVAILABLE"),
    "INTERNAL": (500, "INTERNAL"),
}


@pytest.mark.parametrize("end", ENDS)
async def test_a_tokens_end_is_its_messages_end(project: Project, solapi: Caller, end: str) -> None:
    answer = await project.send({"token": device(end)})
    codes = [each["errorCode"] for each in answer.json()["error"]["details"] if "errorCode" in each]
    assert (answer.status_code, codes) == (ENDS[end][0], [ENDS[end][1]])
    assert (await solapi.control("GET", "accepted"))["accepted"] == []


WRONG: dict[str, dict[str, Any]] = {
    "no recipient": {"token": ""},
    "a token that is none": {"token": "abc"},
    "an unknown name": {"key": "x"},
    "data that is no text": {"data": {"a": 1}},
    "a name that is Google's": {"data": {"from": "x"}},
    "a title that is no text": {"notification": {"title": 1}},
    "a time that is none": {"android": {"ttl": "1d"}},
    "a topic of dashes and more": {"webpush": {"headers": {"Topic": "0" * 33}}},
    "a collapse id too long": {"apns": {"headers": {"apns-collapse-id": "0" * 65}}},
    "a link that is no page": {"webpush": {"fcm_options": {"link": "http://shop.example"}}},
    "too many bytes": {"notification": {"body": "가" * (LARGEST // 3)}},
}


@pytest.mark.parametrize("what", WRONG)
async def test_what_google_would_not_take_is_not_taken(project: Project, solapi: Caller, what: str) -> None:
    answer = await project.send({"token": device(), **WRONG[what]})
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert (await solapi.control("GET", "accepted"))["accepted"] == []


async def test_nobody_sends_without_a_token_or_for_another_project(project: Project, solapi: Caller) -> None:
    other = {"provider": "fcm", "projectId": "another", "clientEmail": f"x{EMAIL}", "privateKey": PRIVATE_KEY}
    await solapi.control("PUT", "accounts", other)
    assert (await project.send({"token": device()}, project="another")).status_code == 403
    assert (await project.send({"token": device()}, project="nobodys")).status_code == 404
    project.token = "ya29.of-nobody"
    assert (await project.send({"token": device()})).status_code == 401

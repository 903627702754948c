"""The vendor's own SDK sends through the simulator, unchanged but for its address; where it is installed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tests.providers.simulated import PRIVATE_KEY, device
from tests.simulator.client import Caller

firebase_admin: Any = pytest.importorskip("firebase_admin", reason="pip install firebase-admin")
messaging: Any = pytest.importorskip("firebase_admin.messaging")
credentials: Any = pytest.importorskip("firebase_admin.credentials")

EMAIL = "firebase-adminsdk@sdk.iam.gserviceaccount.com"


@pytest.fixture
async def account(solapi: Caller) -> None:
    project = {"provider": "fcm", "projectId": "sdk", "clientEmail": EMAIL, "privateKey": PRIVATE_KEY}
    await solapi.control("PUT", "accounts", project)


@pytest.fixture
def app(simulator: str, account: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    service = getattr(messaging, "_MessagingService")  # noqa: B009 - it has no other place for its address
    monkeypatch.setattr(service, "FCM_URL", f"{simulator}/v1/projects/{{0}}/messages:send")
    file = {
        "type": "service_account",
        "project_id": "sdk",
        "client_email": EMAIL,
        "private_key": PRIVATE_KEY,
        "token_uri": f"{simulator}/token",
    }
    running = firebase_admin.initialize_app(credentials.Certificate(file), name="simulated")
    yield running
    firebase_admin.delete_app(running)


async def test_the_sdk_sends_a_push(app: Any, solapi: Caller) -> None:
    token = device()
    message = messaging.Message(
        token=token,
        notification=messaging.Notification(title="주문", body="도착"),
        data={"order": "1"},
        android=messaging.AndroidConfig(collapse_key="one", ttl=3_600, priority="high"),
        apns=messaging.APNSConfig(headers={"apns-collapse-id": "one"}),
    )
    name = await asyncio.to_thread(messaging.send, message, app=app)
    [accepted] = (await solapi.control("GET", "accepted"))["accepted"]
    assert (accepted["messageId"], accepted["to"], accepted["text"]) == (name, token, "도착")


async def test_the_sdk_learns_each_devices_end(app: Any, solapi: Caller) -> None:
    ends = ["", "UNREGISTERED", "SENDER_ID_MISMATCH", "THIRD_PARTY_AUTH_ERROR"]
    messages = [messaging.Message(token=device(end), data={"a": "b"}) for end in ends]
    batch = await asyncio.to_thread(messaging.send_each, messages, app=app)
    errors = [type(each.exception).__name__ if each.exception else None for each in batch.responses]
    assert errors == [None, "UnregisteredError", "SenderIdMismatchError", "ThirdPartyAuthError"]
    assert len((await solapi.control("GET", "accepted"))["accepted"]) == 1

"""Firebase Cloud Messaging on the wire, HTTP v1: https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages.

One request sends to one device. A message carries its id as what collapses, in each platform's own way, so that one
that comes twice is shown once: a lost answer is simply asked for again. Nobody is told what became of a push.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import orjson

from shared.contracts.outcomes import Outcome
from shared.contracts.reports import ProviderReport
from shared.platform.clock import Clock
from shared.providers.base import (
    Accepted,
    OneCall,
    OutboundMessage,
    ProviderAccount,
    ProviderBusy,
    ProviderError,
    ProviderUnavailable,
    ProviderUndecided,
    Said,
    Settlement,
    Submission,
    Submitted,
)
from shared.providers.google_tokens import GoogleTokens
from shared.providers.wire import Wire, as_documented

if TYPE_CHECKING:
    import httpx

TIMEOUT_SECONDS = 8.0
MOST_DEVICES, AT_ONCE = 200, 40
"""Of one call, and of them at a time. So even a call of which each answer takes its whole time ends within a lease."""

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"

KEPT_FOR = dt.timedelta(days=1)
"""For a phone that is off. Unless told, FCM keeps a message for four weeks, and shows it then."""

_PAUSES: Mapping[int, int] = {HTTPStatus.TOO_MANY_REQUESTS: 60, HTTPStatus.SERVICE_UNAVAILABLE: 10}
"""Seconds before it is asked again, at least, where it names none: quotas are by the minute
(https://firebase.google.com/docs/cloud-messaging/scale-fcm)."""

UNREGISTERED, NO_DEVICE = "UNREGISTERED", "no_device"
SET_UP_WRONG = {
    "SENDER_ID_MISMATCH": "the app's devices are of another Firebase project than the account's service account "
    "(앱과 다른 Firebase 프로젝트의 서비스 계정입니다.)",
    "THIRD_PARTY_AUTH_ERROR": "the Firebase project has no valid key for Apple's or web push "
    "(Firebase 프로젝트에 APNs 인증 키 또는 웹 푸시 키가 없거나 잘못되었습니다.)",
}
"""By FCM's code: what somebody has to set right in the Firebase console. The devices are as good as ever."""


class _Taken(NamedTuple):
    """FCM has taken a message for a device, under a name of its own."""

    name: str


class _Refused(NamedTuple):
    """It never will. `is_gone`: the device has the app no more."""

    code: str
    detail: str
    is_gone: bool = False


_End = _Taken | _Refused | ProviderError
"""Of one request; an error: it was not taken now, as far as is known."""


class Fcm:
    """FCM for every account; the account comes with each call.

    Args:
        url: the base address, `https://fcm.googleapis.com` in the cloud.
        token_url: Google's for access tokens, `https://oauth2.googleapis.com`.
        clock: signs for tokens, and says when a push is worth nothing any more.
        client: made at the first call when not given.
    """

    name = "fcm"
    settlement: OneCall = Settlement.COLLAPSE
    look_up_after = dt.timedelta(0)
    channels = frozenset({"push"})

    def __init__(self, url: str, token_url: str, clock: Clock, client: httpx.AsyncClient | None = None) -> None:
        self._wire = Wire(url, timeout=TIMEOUT_SECONDS, client=client)
        self._tokens = GoogleTokens(token_url, clock, client)

    def calls(self, messages: Sequence[OutboundMessage]) -> list[list[OutboundMessage]]:
        calls: list[list[OutboundMessage]] = []
        room = 0
        for message in messages:
            needed = max(len(message.devices), 1)
            if not calls or needed > room:
                calls.append([])
                room = MOST_DEVICES
            calls[-1].append(message)
            room -= needed
        return calls

    async def submit(self, account: ProviderAccount, submission: Submission) -> Submitted:
        """As of any provider. A message is taken when it is for one of its devices, and refused when it is for none."""
        call = _Call(self._wire, account, submission, await self._tokens.of(account, SCOPE))
        ends = await call.made()
        if any(isinstance(end, _NotLetIn) for end in ends):
            self._tokens.forget(account, SCOPE)
        return _submitted(submission, ends)

    async def find(self, account: ProviderAccount, submission: Submission) -> Submitted | None:
        return None

    async def batch_reports(self, account: ProviderAccount, batch: str) -> Sequence[Said]:
        return ()

    def proof_of(self, headers: Mapping[str, str]) -> str:
        return ""

    def parse_webhook(self, body: bytes) -> list[ProviderReport]:
        raise ValueError("FCM calls nobody")

    def webhook_entries(self, call: object) -> list[object]:
        return []


class _NotLetIn(ProviderUnavailable):
    """The account's key is not known there, or may not send."""


class _Call:
    """The requests of one call. The first that shows that the others would fail alike keeps them from being made."""

    def __init__(self, wire: Wire, account: ProviderAccount, submission: Submission, token: str) -> None:
        self._wire = wire
        self._path = f"/v1/projects/{quote(account.secret('project_id'), safe='')}/messages:send"
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._submission = submission
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._over: ProviderError | None = None

    async def made(self) -> list[_End]:
        """The ends of all, message by message, and device by device."""
        expires = int((self._submission.begun_at + KEPT_FOR).timestamp())
        requests = [
            self._sent(orjson.dumps({"message": _wire_message(message, device, expires)}))
            for message in self._submission.messages
            for device in message.devices
        ]
        return await asyncio.gather(*requests)

    async def _sent(self, body: bytes) -> _End:
        async with self._turns:
            if self._over is not None:
                return self._over
            try:
                return _end_of(await self._wire.answer("POST", self._path, self._headers, body))
            except ProviderError as error:
                if isinstance(error, ProviderUnavailable) and not isinstance(error, _OfOneDevice):
                    self._over = error
                return error


class _OfOneDevice(ProviderUnavailable):
    """Only this device gets nothing just now."""


def _end_of(response: httpx.Response) -> _End:
    """Raises ProviderError."""
    status = response.status_code
    if not response.is_error:
        with as_documented("FCM"):
            return _Taken(str(orjson.loads(response.content)["name"]))
    if status in _PAUSES:
        raise _pause_of(response)
    with as_documented("FCM"):
        error = _Error.read(response.content)
    if error.code in SET_UP_WRONG:
        return _Refused(error.code, f"{error.said}: {SET_UP_WRONG[error.code]}")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise ProviderUndecided(error.code, error.said)
    # A 404 without the code is of the project; a 400 is of the device only where it says so, and of the words else.
    if error.code == UNREGISTERED:
        return _Refused(error.code, error.said, is_gone=True)
    if status == HTTPStatus.BAD_REQUEST:
        return _Refused(error.code, error.said, is_gone=error.names_token)
    raise _NotLetIn(error.code, error.said)


class _Error(NamedTuple):
    """What FCM says went wrong (https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode)."""

    code: str
    said: str
    fields: frozenset[str]
    limits: frozenset[str]

    @classmethod
    def read(cls, content: bytes) -> _Error:
        error = orjson.loads(content)["error"]
        details: list[Mapping[str, Any]] = list(error.get("details") or [])
        return cls(
            next((str(each["errorCode"]) for each in details if each.get("errorCode")), str(error.get("status"))),
            str(error.get("message") or ""),
            frozenset(str(field.get("field")) for each in details for field in each.get("fieldViolations") or []),
            frozenset(str(limit.get("subject")) for each in details for limit in each.get("violations") or []),
        )

    @property
    def names_token(self) -> bool:
        return "message.token" in self.fields or "registration token" in self.said.lower()

    @property
    def is_of_one_device(self) -> bool:
        return bool(self.limits) and all(limit.startswith("device") for limit in self.limits)


def _pause_of(response: httpx.Response) -> ProviderUnavailable:
    """What asks for a pause, whoever says so: a proxy says it in words of its own."""
    try:
        with as_documented("FCM"):
            error = _Error.read(response.content)
    except ProviderUndecided:
        error = _Error(str(response.status_code), response.text[:200], frozenset(), frozenset())
    if error.is_of_one_device:
        return _OfOneDevice(error.code, error.said)
    wait = response.headers.get("retry-after") or _jittered(_PAUSES[response.status_code])
    return ProviderBusy(error.code, error.said, wait)


def _jittered(seconds: int) -> str:
    """A pause for all that ask at once, which shall not come back at once."""
    return str(seconds + random.randrange(seconds))  # noqa: S311 - guards nothing


def _submitted(submission: Submission, ends: Sequence[_End]) -> Submitted:
    """What a call came to. Raises ProviderError when nothing of it was done."""
    accepted: list[Accepted] = []
    refused: list[ProviderReport] = []
    gone: list[str] = []
    left: ProviderError | None = None
    rest = iter(ends)
    for message in submission.messages:
        of_devices = [(device, next(rest)) for device in message.devices]
        gone += [device for device, end in of_devices if isinstance(end, _Refused) and end.is_gone]
        name = next((end.name for _, end in of_devices if isinstance(end, _Taken)), None)
        if name is not None:
            accepted.append(Accepted(message.message, name))
        elif errors := [end for _, end in of_devices if isinstance(end, ProviderError)]:
            left = _gravest(left, *errors)
        else:
            refused.append(_refusal(message, [end for _, end in of_devices if isinstance(end, _Refused)]))
    if left is not None and not accepted and not refused and not gone:
        raise left
    amiss = next((each.detail for each in refused if each.code in SET_UP_WRONG), None)
    return Submitted(str(submission.dispatch), accepted, refused, gone, left=left, amiss=amiss)


def _gravest(*errors: ProviderError | None) -> ProviderError:
    """A wish for a pause before all others."""
    found = [error for error in errors if error is not None]
    return next((error for error in found if isinstance(error, ProviderBusy)), found[0])


def _refusal(message: OutboundMessage, ends: Sequence[_Refused]) -> ProviderReport:
    """Why none of a message's devices gets it: what is not the devices' own end first."""
    none = _Refused(NO_DEVICE, "the customer has no device with the app (앱이 설치된 기기가 없습니다.)")
    why = min(ends, key=lambda end: end.is_gone, default=none)
    return ProviderReport(
        message=message.message,
        attempt=message.attempt,
        channel=message.channel,
        provider_message_id="",
        code=why.code,
        outcome=Outcome.FAILED,
        detail=why.detail[:500],
    )


def _wire_message(message: OutboundMessage, device: str, expires: int) -> dict[str, Any]:
    """A message for one device. What waits for a phone collapses by the first of each platform's keys; what is shown
    already by its second, a tag (https://firebase.google.com/docs/cloud-messaging/customize-messages/collapsible-message-types).
    A web push topic has 32 characters at most (RFC 8030, 5.4): the id without its dashes."""
    key, seconds = message.message.hex, int(KEPT_FOR.total_seconds())
    shown = {"body": message.text} if message.subject is None else {"title": message.subject, "body": message.text}
    web: dict[str, Any] = {
        "headers": {"Topic": key, "TTL": str(seconds)},
        "notification": {"tag": key},
    }
    if message.link is not None and message.link.startswith("https://"):
        web["fcm_options"] = {"link": message.link}
    return {
        "token": device,
        "notification": shown,
        "data": {"message": str(message.message)} | ({} if message.link is None else {"link": message.link}),
        "android": {
            "collapse_key": key,
            "priority": "HIGH",
            "ttl": f"{seconds}s",
            "notification": {"tag": key},
        },
        "apns": {"headers": {"apns-collapse-id": key, "apns-priority": "10", "apns-expiration": str(expires)}},
        "webpush": web,
    }

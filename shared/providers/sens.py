"""Naver Cloud's SENS on the wire, its SMS, API v2: https://api.ncloud-docs.com/docs/sens-overview.

One call sends, and nothing of ours travels with it: after a lost answer it is looked for by recipient, words and time.
Nobody calls us: what has ended is asked for, for a whole account at a time. SMS knows no fallback to another channel.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import orjson

from shared.contracts.outcomes import Outcome
from shared.contracts.reports import ProviderReport
from shared.platform.clock import Clock
from shared.providers.base import (
    Accepted,
    OneCall,
    OutboundMessage,
    Polling,
    ProviderAccount,
    ProviderAmbiguous,
    ProviderRefused,
    ProviderUnavailable,
    ProviderUndecided,
    Said,
    Settlement,
    Submission,
    Submitted,
    Word,
)
from shared.providers.wire import NOT_LET_IN, Wire, as_documented, read_in_korea, written_in_korea

if TYPE_CHECKING:
    import httpx

TIMEOUT_SECONDS = 30.0
LOOK_UP_AFTER = dt.timedelta(minutes=2)
CLOCKS_DIFFER = dt.timedelta(minutes=2)

MOST_RECIPIENTS, PAGE = 100, 100
TYPES = {"sms": "SMS", "lms": "LMS"}
CHANNELS = {wire: channel for channel, wire in TYPES.items()}
ADVERTISING = "(광고)"
"""With what the law lets an advertisement begin; its `contentType` is another one."""

DELIVERED = "0"
FINISHED = "COMPLETED"
FAILED_NAME = "fail"
"""Of a message that is `COMPLETED`, the code says whether it reached the phone: 0, or why not, in the carriers' codes
(https://api.ncloud-docs.com/docs/sens-sms-get). A code other than 0 is a failure where `statusName` says so, too."""


class Sens:
    """SENS's SMS for every account; the account comes with each call.

    Args:
        url: the base address, `https://sens.apigw.ntruss.com` in the cloud.
        clock: signs requests; SENS refuses a time that is 5 minutes off.
        client: made at the first call when not given.
    """

    name = "sens"
    settlement: OneCall = Settlement.MATCHED
    look_up_after = LOOK_UP_AFTER
    channels = frozenset(TYPES)
    polling = Polling(every=dt.timedelta(minutes=1), span=dt.timedelta(hours=24))

    def __init__(self, url: str, clock: Clock, client: httpx.AsyncClient | None = None) -> None:
        self._wire = Wire(url, timeout=TIMEOUT_SECONDS, client=client)
        self._clock = clock

    def calls(self, messages: Sequence[OutboundMessage]) -> list[list[OutboundMessage]]:
        calls: dict[tuple[str, bool], list[list[OutboundMessage]]] = defaultdict(list)
        times: Counter[tuple[str, bool, str]] = Counter()
        for message in messages:
            kind = (message.channel, message.text.startswith(ADVERTISING))
            # The recipient tells a call's messages apart, so the second one to it goes by the second call, and so on.
            earliest = times[*kind, message.to]
            at = next((at for at in range(earliest, len(calls[kind])) if len(calls[kind][at]) < MOST_RECIPIENTS), None)
            if at is None:
                at = max(earliest, len(calls[kind]))
                calls[kind] += [[] for _ in range(at + 1 - len(calls[kind]))]
            calls[kind][at].append(message)
            times[*kind, message.to] = at + 1
        return [call for alike in calls.values() for call in alike if call]

    async def submit(self, account: ProviderAccount, submission: Submission) -> Submitted:
        first = submission.messages[0]
        body: dict[str, Any] = {
            "type": TYPES[first.channel],
            "contentType": "AD" if first.text.startswith(ADVERTISING) else "COMM",
            "countryCode": "82",
            "from": account.sender,
            "content": first.text,
            "messages": [_wire_message(message) for message in submission.messages],
        }
        answer = await self._call(account, "POST", "/messages", content=orjson.dumps(body))
        with as_documented("SENS"):
            request = str(answer["requestId"])
            if answer.get("statusName") != "success":
                raise ProviderUndecided(str(answer.get("statusCode")), f"SENS says that its request {request} failed")
        return Submitted(request, [Accepted(message.message, None) for message in submission.messages], [])

    async def find(self, account: ProviderAccount, submission: Submission) -> Submitted | None:
        first, recipients = submission.messages[0], {message.to for message in submission.messages}
        query = {
            "requestStartTime": written_in_korea(submission.begun_at - CLOCKS_DIFFER),
            "requestEndTime": written_in_korea(submission.begun_at + CLOCKS_DIFFER),
            "type": TYPES[first.channel],
            "from": account.sender,
        }
        if len(recipients) == 1:
            query["to"] = first.to
        listed = await self._listed(account, query)
        with as_documented("SENS"):
            wanted = Counter((message.to, _alike(message.text)) for message in submission.messages)
            alike = [each for each in listed if (str(each["to"]), _alike(each["content"])) in wanted]
            if not alike:
                return None
            found = Counter((str(each["to"]), _alike(each["content"])) for each in alike)
            requests = {str(each["requestId"]) for each in alike}
            if found != wanted or len(requests) > 1:
                told = f"{len(alike)} messages look like the {len(submission.messages)} that were sent"
                raise ProviderAmbiguous("ambiguous", told)
            names = {(str(each["to"]), _alike(each["content"])): str(each["messageId"]) for each in alike}
            accepted = [
                Accepted(message.message, names[message.to, _alike(message.text)]) for message in submission.messages
            ]
            return Submitted(requests.pop(), accepted, [])

    async def batch_reports(self, account: ProviderAccount, batch: str) -> Sequence[Said]:
        return _words(await self._listed(account, {"requestId": batch}))

    async def poll(self, account: ProviderAccount, since: dt.datetime, until: dt.datetime) -> Sequence[Said]:
        window = {"completeStartTime": written_in_korea(since), "completeEndTime": written_in_korea(until)}
        return _words(await self._listed(account, window))

    def proof_of(self, headers: Mapping[str, str]) -> str:
        return ""

    def parse_webhook(self, body: bytes) -> list[ProviderReport]:
        raise ValueError("SENS calls nobody")

    def webhook_entries(self, call: object) -> list[object]:
        return []

    async def _listed(self, account: ProviderAccount, query: Mapping[str, str]) -> list[Mapping[str, Any]]:
        """All pages of a list; where there is nothing SENS says 404."""
        entries: list[Mapping[str, Any]] = []
        token = ""
        while True:
            asked = {**query, "pageSize": str(PAGE)} | ({"nextToken": token} if token else {})
            answer = await self._call(account, "GET", f"/messages?{urlencode(asked, quote_via=quote)}")
            with as_documented("SENS"):
                entries += answer.get("messages") or []
                token = str(answer.get("nextToken") or "")
            if not token:
                return entries

    async def _call(self, account: ProviderAccount, method: str, path: str, content: bytes | None = None) -> Any:
        whole = f"/sms/v2/services/{quote(account.secret('service_id'), safe=':')}{path}"
        headers = {**self._signed(account, method, whole), "Content-Type": "application/json; charset=utf-8"}
        response = await self._wire.request(method, whole, headers, content)
        if response.status_code == HTTPStatus.NOT_FOUND and method == "GET":
            return {}
        if response.status_code in NOT_LET_IN:
            raise ProviderUnavailable(str(response.status_code), response.text[:200])
        with as_documented("SENS"):
            answer = orjson.loads(response.content)
            if not response.is_error:
                return answer
            error = answer.get("error") or answer
            code, detail = error.get("errorCode") or response.status_code, error.get("details") or error.get("message")
        raise ProviderRefused(str(code), str(detail))

    def _signed(self, account: ProviderAccount, method: str, whole: str) -> dict[str, str]:
        """Signs just what stands in the request's first line, anew for each."""
        moment, key = str(int(self._clock.now().timestamp() * 1000)), account.secret("access_key")
        signed = f"{method} {whole}\n{moment}\n{key}".encode()
        digest = hmac.new(account.secret("secret_key").encode(), signed, hashlib.sha256).digest()
        return {
            "x-ncp-apigw-timestamp": moment,
            "x-ncp-iam-access-key": key,
            "x-ncp-apigw-signature-v2": base64.b64encode(digest).decode(),
        }


def _wire_message(message: OutboundMessage) -> dict[str, str]:
    wire = {"to": message.to, "content": message.text}
    return wire if message.subject is None else {**wire, "subject": message.subject}


def _alike(text: object) -> str:
    """Words as they are compared: line ends and blanks around them may differ."""
    return str(text).replace("\r\n", "\n").strip()


def _words(entries: Iterable[Mapping[str, Any]]) -> list[Word]:
    with as_documented("SENS"):
        return [word for entry in entries if (word := _word(entry)) is not None]


def _word(entry: Mapping[str, Any]) -> Word | None:
    """What a list says of a message; None for one of a kind that we do not send."""
    channel = CHANNELS.get(str(entry["type"]).upper())
    if channel is None:
        return None
    status = str(entry.get("status") or "")
    code = str(entry["statusCode"]) if status == FINISHED and entry.get("statusCode") is not None else status
    return Word(
        batch=str(entry["requestId"]),
        to=str(entry["to"]),
        provider_message_id=str(entry["messageId"]),
        channel=channel,
        code=code,
        outcome=outcome_of(code, str(entry.get("statusName"))) if status == FINISHED else Outcome.SENT,
        detail=entry.get("statusMessage"),
        at=read_in_korea(entry.get("completeTime")),
    )


def outcome_of(code: str, name: str) -> Outcome:
    """What the code of a finished message means, with the name beside it. What no table has is no delivery."""
    if code == DELIVERED:
        return Outcome.DELIVERED
    return Outcome.FAILED if name == FAILED_NAME else Outcome.SENT

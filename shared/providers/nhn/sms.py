"""NHN Cloud's SMS on the wire, API v3.0: https://docs.nhncloud.com/ko/Notification/SMS/ko/api-guide/.

One call sends. There is no idempotency key, so a call carries our names: its own in `senderGroupingKey`, each message's
in `recipientGroupingKey`; after a lost answer it is looked for by them. A call has one text for all its recipients, for
parameters are put into stored templates only. HTTP says 200 also to what failed: the header in the body tells.

NHN sends nothing in place of what failed unless it is asked to, and SMS knows no fallback to another channel.
"""

from __future__ import annotations

import base64
import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import orjson

from shared.contracts.outcomes import Outcome
from shared.contracts.reports import ProviderReport
from shared.providers.base import (
    Accepted,
    OneCall,
    OutboundMessage,
    Picture,
    Polling,
    ProviderAccount,
    ProviderRefused,
    ProviderUndecided,
    Settlement,
    Submission,
    Submitted,
)
from shared.providers.nhn.envelope import (
    PROOF_HEADER,
    RESULT_UPDATE,
    Codes,
    Service,
    Uploads,
    entries_of,
    grouping_key,
    hooks_of,
    in_calls,
)
from shared.providers.wire import as_documented, named_in, read_in_korea, reference_of, unheard_of, written_in_korea

if TYPE_CHECKING:
    import httpx

TIMEOUT_SECONDS = 30.0
LOOK_UP_AFTER = dt.timedelta(minutes=2)
"""The call's own time-out, and a minute and a half for what NHN's lists are late by (no figure is published)."""

MOST_RECIPIENTS = 1_000
"""-2016 refuses more."""

PAGE = 1_000
TYPES = {"sms": "sms", "lms": "mms", "mms": "mms"}
"""The last part of the address by channel. A long message without a picture goes by the address of those with one."""

KINDS = ("sms", "mms")

LONGEST_TITLE = 40
"""Bytes of CP949. A long message must have a title (-2014)."""

LONGEST_FILE_NAME = 45
FILE_LASTS = dt.timedelta(days=6)
"""A picture that was brought there stays for seven days."""

NO_SUCH_FILE = "-2004"

PATH = "/sms/v3.0/appKeys/{app}"

DELIVERED = "1000"
FAILED = frozenset(
    {
        *("1001", "1002", "1003", "1019"),  # busy; the recipient's or the sender's number; its time is over
        *(
            "2000",
            "2001",
            "2002",
            "2003",
            "2004",
            "2005",
            "2006",
            "2007",
        ),  # 2000: not within 25 h (SMS), 80 h (LMS, MMS)
        *("3000", "3001", "3002", "3003", "3004", "3005", "3006", "3007", "3008", "3009"),  # 3003 no such number
        *("3010", "3011", "3012", "3013", "3014", "3015", "3016"),  # 3012 spam
        *("3017", "3018", "3019"),  # the sender's number: forged, protected, blocked by KISA
        *(
            "E900",
            "E911",
            "E913",
            "E915",
            "E919",
            "E999",
        ),  # NHN's own: E915 the same message again, E919 not at these hours
    }
)
"""The codes of carriers that mean a failure: https://docs.nhncloud.com/ko/Notification/SMS/ko/error-code/. One that is
neither here nor `DELIVERED` is taken for what the status beside it says, and never for a delivery."""

FAILED_STATUSES = frozenset({"0", "4", "5", "6", "FAILED", "CANCEL", "DUPLICATED", "FAILED_AD"})
"""Of lists (`msgStatus`) and of webhooks (`messageStatus`): failed, cancelled, a duplicate, not at these hours."""

DUPLICATE = "E915"
"""Of a message like another one of the last minutes (kind, numbers, title, text, picture), where the project is set so
that such a one fails. It is another message, and its failure says nothing of the first."""

DETAILS: Mapping[str, str] = {
    DUPLICATE: "NHN Cloud did not send it, for it is like another one of the last minutes and the project fails those "
    "(NHN Cloud 프로젝트의 중복 메시지 차단 설정 때문에 보내지 않았습니다.)",
}
"""For people, where NHN's own words say too little."""

CODES = Codes(
    not_now=frozenset({-1000, -1001, -1002, -1003, -1004, -1007, -1008, -2052}),
    not_sure=frozenset({-9999, -2021}),
    ours={
        -2052: "the organisation's quota of this month is used up; ask NHN Cloud for a larger one "
        "(NHN Cloud 조직의 월 발송 한도를 모두 썼습니다. 한도를 올려 달라고 하세요.)",
    },
)
"""Not now: its key, the caller's address, a blocked project, and the month's quota (-2052)."""

SUCCESS, REQUEST_FAILED = 0, "3"


class Nhn:
    """NHN Cloud's SMS for every account; the account comes with each call.

    Args:
        url: the base address, `https://sms.api.nhncloudservice.com` in the cloud.
        client: made at the first call when not given.
    """

    name = "nhn"
    settlement: OneCall = Settlement.ASKED
    look_up_after = LOOK_UP_AFTER
    channels = frozenset(TYPES)
    polling = Polling(every=dt.timedelta(minutes=1), span=dt.timedelta(days=1))

    def __init__(self, url: str, client: httpx.AsyncClient | None = None) -> None:
        self._service = Service(url, CODES, TIMEOUT_SECONDS, client)
        self._files = Uploads(self._upload, FILE_LASTS)

    def calls(self, messages: Sequence[OutboundMessage]) -> list[list[OutboundMessage]]:
        alike: dict[tuple[str, str | None, str, str | None], list[OutboundMessage]] = defaultdict(list)
        for message in messages:
            picture = message.picture.name if message.picture else None
            alike[message.channel, message.subject, message.text, picture].append(message)
        return [call for each in alike.values() for call in in_calls(each, MOST_RECIPIENTS)]

    async def submit(self, account: ProviderAccount, submission: Submission) -> Submitted:
        first = submission.messages[0]
        kind = TYPES[first.channel]
        body: dict[str, Any] = {
            "body": first.text,
            "sendNo": account.sender,
            "senderGroupingKey": str(submission.dispatch),
            "recipientList": [
                {"recipientNo": message.to, "recipientGroupingKey": reference_of(message)}
                for message in submission.messages
            ],
        }
        if kind == "mms":
            body["title"] = first.subject or _title_of(first.text)
        answer = await self._sent(account, submission, f"{PATH}/sender/{kind}", body)
        accepted, refused = [], []
        with as_documented("NHN"):
            data = answer["body"]["data"]
            request = str(data["requestId"])
            if str(data.get("statusCode")) == REQUEST_FAILED:
                raise ProviderUndecided("request_failed", f"NHN says that its request {request} failed, and not why")
            results = _by_name(submission.messages, data["sendResultList"])
            for message in submission.messages:
                result = results[reference_of(message)]
                name = f"{request}/{result['recipientSeq']}"
                if result.get("resultCode") == SUCCESS:
                    accepted.append(Accepted(message.message, name))
                else:
                    refused.append(_refusal(message, name, result))
        return Submitted(f"{kind}/{request}", accepted, refused)

    async def find(self, account: ProviderAccount, submission: Submission) -> Submitted | None:
        ours = {reference_of(message): message for message in submission.messages}
        # Clocks differ, and what a message has become is known only where its words can be written again.
        window = {
            "senderGroupingKey": str(submission.dispatch),
            "startCreateDate": written_in_korea(submission.begun_at - dt.timedelta(minutes=5)),
            "endCreateDate": written_in_korea(submission.begun_at + dt.timedelta(minutes=10)),
        }
        for kind in KINDS:
            found = await self._listed(account, f"/sender/{kind}", window)
            with as_documented("NHN"):
                accepted = [
                    Accepted(named[0], f"{entry['requestId']}/{entry['recipientSeq']}")
                    for entry in found
                    if (named := named_in(entry["recipientGroupingKey"])) and named[0] in _ids(ours.values())
                ]
                if accepted:
                    return Submitted(f"{kind}/{found[0]['requestId']}", accepted, [])
        return None

    async def batch_reports(self, account: ProviderAccount, batch: str) -> list[ProviderReport]:
        kind, _, request = batch.partition("/")
        found = await self._listed(account, f"/sender/{kind}", {"requestId": request})
        with as_documented("NHN"):
            return _reports(found)

    async def poll(self, account: ProviderAccount, since: dt.datetime, until: dt.datetime) -> list[ProviderReport]:
        window = {"startUpdateDate": written_in_korea(since), "endUpdateDate": written_in_korea(until)}
        found = await self._listed(account, "/message-results", window)
        with as_documented("NHN"):
            return _reports(found)

    def proof_of(self, headers: Mapping[str, str]) -> str:
        return headers.get(PROOF_HEADER, "")

    def parse_webhook(self, body: bytes) -> list[ProviderReport]:
        event, hooks = hooks_of(body)
        if event != RESULT_UPDATE:
            return []  # of opt-outs, of countries, and of messages abroad
        try:
            return _reports(hooks)
        except KeyError as missing:
            raise ValueError(f"a hook without {missing}") from missing

    def tells_of_templates(self, body: bytes) -> bool:
        """A hook on a template of KakaoTalk Bizmessage names it, and no request by which a message was sent."""
        try:
            call = orjson.loads(body)
        except orjson.JSONDecodeError:
            return False
        hooks = call.get("hooks") if isinstance(call, dict) else None
        return isinstance(hooks, list) and any(
            isinstance(hook, dict) and "templateCode" in hook and "requestId" not in hook for hook in hooks
        )

    def webhook_entries(self, call: object) -> list[object]:
        return entries_of(call)

    async def _sent(self, account: ProviderAccount, submission: Submission, path: str, body: dict[str, Any]) -> Any:
        """What a call came to, with its picture, if it has one."""
        picture = submission.messages[0].picture
        if picture is None:
            return await self._service.call(account, "POST", path, orjson.dumps(body))
        now = submission.begun_at
        try:
            body["attachFileIdList"] = [await self._files.name_of(account, picture, now)]
            return await self._service.call(account, "POST", path, orjson.dumps(body))
        except ProviderRefused as refusal:
            if refusal.code != NO_SUCH_FILE:
                raise
        self._files.forget(account, picture)
        body["attachFileIdList"] = [await self._files.name_of(account, picture, now)]
        return await self._service.call(account, "POST", path, orjson.dumps(body))

    async def _upload(self, account: ProviderAccount, picture: Picture) -> int:
        # The name is of the content: enough of it tells it from every other one.
        name = picture.name.removesuffix(".jpg")[: LONGEST_FILE_NAME - len(".jpg")] + ".jpg"
        body = {"fileName": name, "fileBody": base64.b64encode(picture.content).decode(), "createUser": "allim"}
        answer = await self._service.call(account, "POST", f"{PATH}/attachfile/binaryUpload", orjson.dumps(body))
        with as_documented("NHN"):
            return int(answer["body"]["data"]["fileId"])

    async def _listed(self, account: ProviderAccount, path: str, query: Mapping[str, str]) -> list[Mapping[str, Any]]:
        """All pages of a list."""
        entries: list[Mapping[str, Any]] = []
        page = 1
        while True:
            asked = urlencode({**query, "pageNum": page, "pageSize": PAGE})
            answer = await self._service.call(account, "GET", f"{PATH}{path}?{asked}")
            with as_documented("NHN"):
                body = answer["body"]
                data = body["data"]
                # The guide shows an array, and documents one within an object.
                found = data["resultUpdateList"] if isinstance(data, dict) else data or []
                entries += found
                total = int(body.get("totalCount") or 0)
            if not found or len(entries) >= total:
                return entries
            page += 1


def _title_of(text: str) -> str:
    """A title for a long message that has none: its first line, as much of it as a title holds."""
    title = ""
    for character in text.strip().split("\n", 1)[0]:
        if len((title + character).encode("cp949", "replace")) > LONGEST_TITLE:
            break
        title += character
    return title


def _by_name(
    messages: Sequence[OutboundMessage], results: Sequence[Mapping[str, Any]]
) -> Mapping[str, Mapping[str, Any]]:
    """Each message's result; by its number in the call where its name does not come back."""
    return {
        str(result.get("recipientGroupingKey") or reference_of(messages[int(result["recipientSeq"]) - 1])): result
        for result in results
    }


def _ids(messages: Iterable[OutboundMessage]) -> set[Any]:
    return {message.message for message in messages}


def _refusal(message: OutboundMessage, name: str, result: Mapping[str, Any]) -> ProviderReport:
    return ProviderReport(
        message=message.message,
        attempt=message.attempt,
        channel=message.channel,
        provider_message_id=name,
        code=str(result.get("resultCode")),
        outcome=Outcome.FAILED,
        detail=result.get("resultMessage"),
    )


def _reports(entries: Iterable[Mapping[str, Any]]) -> list[ProviderReport]:
    return [report for entry in entries if (report := _report(entry)) is not None]


def _report(entry: Mapping[str, Any]) -> ProviderReport | None:
    """What an entry of a list or a hook says; None for a message that is none of ours, or of which nothing is known."""
    named = named_in(grouping_key(entry))
    if named is None or named[2] not in TYPES:
        return None
    message, attempt, channel = named
    code = str(entry.get("resultCode") or "")
    status = str(entry.get("messageStatus") or entry.get("msgStatus") or "")
    if code and code != DELIVERED and code not in FAILED:
        unheard_of(Nhn.name, code)
    return ProviderReport(
        message=message,
        attempt=attempt,
        channel=channel,
        provider_message_id=f"{entry['requestId']}/{entry['recipientSeq']}",
        code=code or f"status {status}",
        outcome=outcome_of(code, status),
        detail=DETAILS.get(code) or entry.get("resultCodeName") or None,
        at=read_in_korea(entry.get("receiveDate") or entry.get("resultDate")),
    )


def outcome_of(code: str, status: str = "") -> Outcome:
    """What a carrier's code means, with the status that stands beside it, if any."""
    if code == DELIVERED:
        return Outcome.DELIVERED
    return Outcome.FAILED if code in FAILED or status in FAILED_STATUSES else Outcome.SENT

"""NHN Cloud's KakaoTalk messages on the wire, AlimTalk v2.3 and Brand Message v1.0:
https://docs.nhncloud.com/ko/Notification/KakaoTalk%20Bizmessage/ko/alimtalk-api-guide/.

One call sends. Our names travel with it: its own in `senderGroupingKey`, each message's in `recipientGroupingKey`. An
AlimTalk's call has an idempotency key, too: made again within ten minutes it fails (-1005) and does nothing, so a lost
answer is asked for at once by calling again, and then by looking for it. The guide has no such key for Brand Messages:
one whose answer was lost is looked for, and not called again.

NHN sends a text message in place of what failed where the console says so, unless each recipient says
`isResend: false`.

A Brand Message goes to friends of the channel alone (targeting I). It shows the free number to refuse it that is
registered with the channel.
"""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import UUID

import orjson

from shared.contracts.alimtalk import NOT_REACHED
from shared.contracts.outcomes import Outcome
from shared.contracts.reports import ProviderReport
from shared.platform.clock import SEOUL
from shared.platform.logs import log
from shared.providers.base import (
    Accepted,
    Button,
    OneCall,
    OutboundMessage,
    Picture,
    Polling,
    ProviderAccount,
    ProviderRefused,
    ProviderUnavailable,
    ProviderUndecided,
    Settlement,
    Submission,
    Submitted,
)
from shared.providers.nhn.envelope import (
    PROOF_HEADER,
    RESULT_UPDATE,
    Service,
    Uploads,
    entries_of,
    grouping_key,
    hooks_of,
    in_calls,
)
from shared.providers.nhn.kakao_codes import (
    ALL_REFUSED,
    CODES,
    DETAILS,
    KEY_USED,
    KNOWN,
    MISTAKE,
    NO_SUCH_IMAGE,
    OUR_MISTAKES,
    outcome_of,
)
from shared.providers.wire import as_documented, named_in, read_in_korea, reference_of, unheard_of

if TYPE_CHECKING:
    import httpx

TIMEOUT_SECONDS = 20.0
LOOK_UP_AFTER = dt.timedelta(minutes=3)
"""Three calls under one key, and what NHN's lists are late by (no figure is published). The key lasts ten minutes."""

MOST_RECIPIENTS = 1_000
PAGE = 1_000
MOST_LOST = 1_000

PATHS = {"alimtalk": "/alimtalk/v2.3/appkeys/{app}", "brand": "/brand-message/v1.0/appkeys/{app}"}
SENDING = {"alimtalk": "messages", "brand": "freestyle-messages"}
WHEN = {"alimtalk": "CreateDate", "brand": "RequestDate"}
"""By which of its moments a message is looked for."""

IDEMPOTENCY_KEY = "X-NC-API-IDEMPOTENCY-KEY"
NO_FALLBACK = {"isResend": False}
SUCCESS = 0

MINUTE = dt.timedelta(minutes=1)


class NhnKakao:
    """NHN Cloud's KakaoTalk messages for every account, whose channel is its sender key.

    Args:
        url: the base address, `https://kakaotalk-bizmessage.api.nhncloudservice.com` in the cloud.
        client: made at the first call when not given.
    """

    name = "nhn_kakao"
    settlement: OneCall = Settlement.KEYED
    look_up_after = LOOK_UP_AFTER
    channels = frozenset(PATHS)
    polling = Polling(every=MINUTE, span=dt.timedelta(days=1))

    def __init__(self, url: str, client: httpx.AsyncClient | None = None) -> None:
        self.service = Service(url, CODES, TIMEOUT_SECONDS, client)
        self._images = Uploads(self._upload)
        # Calls without a key whose answer was lost.
        self._lost: OrderedDict[UUID, None] = OrderedDict()

    def calls(self, messages: Sequence[OutboundMessage]) -> list[list[OutboundMessage]]:
        alike: dict[object, list[OutboundMessage]] = defaultdict(list)
        for message in messages:
            picture = message.picture.name if message.picture else None
            words = message.template_code if message.channel == "alimtalk" else message.text
            alike[message.channel, words, picture, tuple(message.buttons)].append(message)
        return [call for each in alike.values() for call in in_calls(each, MOST_RECIPIENTS)]

    async def submit(self, account: ProviderAccount, submission: Submission) -> Submitted:
        if submission.messages[0].channel == "alimtalk":
            return await self._alimtalk(account, submission)
        return await self._brand(account, submission)

    async def find(self, account: ProviderAccount, submission: Submission) -> Submitted | None:
        ours = {message.message for message in submission.messages}
        channel = submission.messages[0].channel
        # Clocks differ, and the lists know minutes only.
        window = {
            "senderGroupingKey": str(submission.dispatch),
            f"start{WHEN[channel]}": _minute(submission.begun_at - 5 * MINUTE),
            f"end{WHEN[channel]}": _minute(submission.begun_at + 10 * MINUTE),
        }
        found = await self._listed(account, channel, window)
        with as_documented("NHN"):
            accepted = [
                Accepted(named[0], f"{entry['requestId']}/{entry['recipientSeq']}")
                for entry in found
                if (named := named_in(grouping_key(entry))) and named[0] in ours
            ]
            return Submitted(f"{channel}/{found[0]['requestId']}", accepted, []) if accepted else None

    async def batch_reports(self, account: ProviderAccount, batch: str) -> list[ProviderReport]:
        channel, _, request = batch.partition("/")
        found = await self._listed(account, channel, {"requestId": request})
        with as_documented("NHN"):
            return _reports(found)

    async def poll(self, account: ProviderAccount, since: dt.datetime, until: dt.datetime) -> list[ProviderReport]:
        """AlimTalk alone: the guide has no such list of Brand Messages, which are told by webhooks and by their call.

        What was updated is listed without names of ours, and those by the minute in which they were asked for.
        """
        window = {"startUpdateDate": _minute(since), "endUpdateDate": _minute(until + MINUTE)}
        updated: list[Mapping[str, Any]] = []
        for page in range(1, 1_000):
            asked = urlencode({**window, "pageNum": page, "pageSize": PAGE})
            answer = await self.service.call(account, "GET", f"{PATHS['alimtalk']}/message-results?{asked}")
            with as_documented("NHN"):
                updated += answer["messages"] or []
                if len(answer["messages"] or []) < PAGE:
                    break
        with as_documented("NHN"):
            meant = {(str(entry["requestId"]), str(entry["recipientSeq"])) for entry in updated}
            minutes = sorted({at for entry in updated if (at := read_in_korea(entry.get("requestDate"))) is not None})
        reports = []
        for minute in dict.fromkeys(map(_minute_of, minutes)):
            asked_in = {"startRequestDate": _minute(minute), "endRequestDate": _minute(minute + MINUTE)}
            listed = await self._listed(account, "alimtalk", asked_in)
            with as_documented("NHN"):
                entries = [entry for entry in listed if (str(entry["requestId"]), str(entry["recipientSeq"])) in meant]
                reports += _reports(entries)
        return reports

    def proof_of(self, headers: Mapping[str, str]) -> str:
        return headers.get(PROOF_HEADER, "")

    def parse_webhook(self, body: bytes) -> list[ProviderReport]:
        event, hooks = hooks_of(body)
        if event != RESULT_UPDATE:
            return []  # of templates: see `template_hooks`
        try:
            return _reports(hooks)
        except KeyError as missing:
            raise ValueError(f"a hook without {missing}") from missing

    def webhook_entries(self, call: object) -> list[object]:
        return entries_of(call)

    async def _alimtalk(self, account: ProviderAccount, submission: Submission) -> Submitted:
        body = {
            "senderKey": channel_of(account),
            "templateCode": submission.messages[0].template_code,
            "senderGroupingKey": str(submission.dispatch),
            "recipientList": [
                {
                    "recipientNo": message.to,
                    "templateParameter": dict(message.variables),
                    "resendParameter": NO_FALLBACK,
                    "recipientGroupingKey": reference_of(message),
                }
                for message in submission.messages
            ],
        }
        try:
            return await self._sent(account, submission, body, {IDEMPOTENCY_KEY: str(submission.dispatch)})
        except ProviderRefused as refusal:
            if refusal.code != KEY_USED:
                raise
            found = await self.find(account, submission)
            if found is None or len(found.accepted) < len(submission.messages):
                detail = "the call was made before, and its list does not show it yet"
                raise ProviderUndecided(KEY_USED, detail) from refusal
            return found

    async def _brand(self, account: ProviderAccount, submission: Submission) -> Submitted:
        if submission.dispatch in self._lost:
            if (found := await self.find(account, submission)) is not None:
                return found
            raise ProviderUndecided("no_key", "its answer was lost, and without a key it is not called again")
        first = submission.messages[0]
        body: dict[str, Any] = {
            "senderKey": channel_of(account),
            "chatBubbleType": "IMAGE" if first.picture else "TEXT",
            "content": first.text,
            "senderGroupingKey": str(submission.dispatch),
            "recipientList": [
                {
                    "recipientNo": message.to,
                    "targeting": "I",
                    "resendParameter": NO_FALLBACK,
                    "recipientGroupingKey": reference_of(message),
                }
                for message in submission.messages
            ],
        }
        if first.buttons:
            body["buttons"] = list(map(_wire_button, first.buttons))
        try:
            return await self._pictured(account, submission, body)
        except ProviderUndecided:
            self._lost[submission.dispatch] = None
            if len(self._lost) > MOST_LOST:
                self._lost.popitem(last=False)
            raise

    async def _pictured(self, account: ProviderAccount, submission: Submission, body: dict[str, Any]) -> Submitted:
        """What a call came to, with its picture, if it has one."""
        picture = submission.messages[0].picture
        if picture is None:
            return await self._sent(account, submission, body)
        try:
            body["image"] = {"imageUrl": await self._images.name_of(account, picture, submission.begun_at)}
            return await self._sent(account, submission, body)
        except ProviderRefused as refusal:
            if refusal.code != NO_SUCH_IMAGE:
                raise
        self._images.forget(account, picture)
        body["image"] = {"imageUrl": await self._images.name_of(account, picture, submission.begun_at)}
        return await self._sent(account, submission, body)

    async def _sent(
        self, account: ProviderAccount, submission: Submission, body: Mapping[str, Any], headers: Any = None
    ) -> Submitted:
        channel = submission.messages[0].channel
        path = f"{PATHS[channel]}/{SENDING[channel]}"
        answer = await self.service.call(account, "POST", path, orjson.dumps(body), headers, unless=ALL_REFUSED)
        accepted, refused = [], []
        with as_documented("NHN"):
            request = str(answer["message"]["requestId"])
            results = {
                # By its number in the call where its name does not come back.
                str(grouping_key(result) or reference_of(submission.messages[int(result["recipientSeq"]) - 1])): result
                for result in answer["message"]["sendResults"]
            }
            for message in submission.messages:
                result = results[reference_of(message)]
                name = f"{request}/{result['recipientSeq']}"
                if result["resultCode"] == SUCCESS:
                    accepted.append(Accepted(message.message, name))
                else:
                    refused.append(_refusal(message, name, result))
        return Submitted(f"{channel}/{request}", accepted, refused)

    async def _upload(self, account: ProviderAccount, picture: Picture) -> str:
        path = f"{PATHS['brand']}/images"
        kind, form = _form(picture)
        answer = await self.service.call(account, "POST", path, form, {"Content-Type": kind})
        with as_documented("NHN"):
            return str(answer["image"]["imageUrl"])

    async def _listed(
        self, account: ProviderAccount, channel: str, query: Mapping[str, str]
    ) -> list[Mapping[str, Any]]:
        """All pages of a list."""
        entries: list[Mapping[str, Any]] = []
        page = 1
        while True:
            asked = urlencode({**query, "pageNum": page, "pageSize": PAGE})
            answer = await self.service.call(account, "GET", f"{PATHS[channel]}/messages?{asked}")
            with as_documented("NHN"):
                body = answer["messageSearchResultResponse"] or {}
                found = body.get("messages") or []
                entries += found
                total = int(body.get("totalCount") or 0)
            if not found or len(entries) >= total:
                return entries
            page += 1


def channel_of(account: ProviderAccount) -> str:
    """The sender key of its channel. Raises ProviderUnavailable where it was registered without."""
    if not account.kakao_channel:
        detail = f"the account {account.id!r} has no KakaoTalk channel (발송 계정에 카카오톡 채널이 없습니다.)"
        raise ProviderUnavailable("channel_missing", detail)
    return account.kakao_channel


def _wire_button(button: Button) -> dict[str, Any]:
    links = {
        "linkMo": button.mobile,
        "linkPc": button.desktop or button.mobile,
        "schemeAndroid": button.android,
        "schemeIos": button.ios,
    }
    given = {name: link for name, link in links.items() if link is not None}
    return {"name": button.name, "type": button.kind, **given}


def _form(picture: Picture) -> tuple[str, bytes]:
    """A picture as a form: its type and its bytes. The picture's name is a digest, so that it neither needs escaping
    nor stands in the picture, and is the boundary, too."""
    boundary = f"allim-{picture.name.removesuffix('.jpg')[:40]}"
    kind = f'--{boundary}\r\nContent-Disposition: form-data; name="imageType"\r\n\r\nIMAGE\r\n'
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="{picture.name}"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    whole = kind.encode() + head.encode() + picture.content + f"\r\n--{boundary}--\r\n".encode()
    return f"multipart/form-data; boundary={boundary}", whole


def _minute(moment: dt.datetime) -> str:
    return moment.astimezone(SEOUL).strftime("%Y-%m-%d %H:%M")


def _minute_of(moment: dt.datetime) -> dt.datetime:
    return moment.replace(second=0, microsecond=0)


def _refusal(message: OutboundMessage, name: str, result: Mapping[str, Any]) -> ProviderReport:
    code = str(result["resultCode"])
    return ProviderReport(
        message=message.message,
        attempt=message.attempt,
        channel=message.channel,
        provider_message_id=name,
        code=code,
        outcome=Outcome.FAILED,
        detail=CODES.ours.get(int(code)) or result.get("resultMessage"),
    )


def _reports(entries: Iterable[Mapping[str, Any]]) -> list[ProviderReport]:
    return [report for entry in entries if (report := _report(entry)) is not None]


def _report(entry: Mapping[str, Any]) -> ProviderReport | None:
    """What an entry of a list or a hook says; None for a message that is none of ours, or of which nothing is known."""
    named = named_in(grouping_key(entry))
    if named is None or named[2] not in PATHS:
        return None
    message, attempt, channel = named
    code, status = str(entry.get("resultCode") or ""), str(entry.get("messageStatus") or "")
    if code in OUR_MISTAKES:
        fields = {"provider": NhnKakao.name, "code": code, "message": message}
        log("providers").error("Kakao does not take what was sent: %s", MISTAKE, extra={"fields": fields})
    elif code and code not in KNOWN:
        unheard_of(NhnKakao.name, code)
    told = entry.get("resultCodeName") or None
    return ProviderReport(
        message=message,
        attempt=attempt,
        channel=channel,
        provider_message_id=f"{entry['requestId']}/{entry['recipientSeq']}",
        code=code or f"status {status}",
        outcome=outcome_of(code, status),
        detail=" ".join(filter(None, (told, MISTAKE))) if code in OUR_MISTAKES else DETAILS.get(code) or told,
        at=read_in_korea(entry.get("receiveDate")),
        lasting=code in NOT_REACHED,
    )

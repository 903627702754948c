"""SOLAPI on the wire.

Messages go the two-phase way: a group is made, filled, and sent. A group is sent once, whoever asks how often. What
pictures they show is stored before; a file is no message, so whatever becomes of one harms nobody.
There is no idempotency key, so `send-many` could not be asked about after a lost answer.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import orjson

from shared.contracts.outcomes import Outcome
from shared.contracts.reports import ProviderReport
from shared.contracts.values import YEARS
from shared.platform.clock import Clock
from shared.providers.base import (
    Accepted,
    BatchState,
    Billed,
    OutboundMessage,
    Picture,
    Prepared,
    ProviderAccount,
    ProviderRefused,
    ProviderUnavailable,
    ProviderUndecided,
    Settlement,
)
from shared.providers.solapi.billing import billed, path_of
from shared.providers.solapi.codes import LASTING, NO_SUCH_PICTURE, outcome_of, tell_unknown
from shared.providers.solapi.pictures import Pictures, Stored
from shared.providers.solapi.writing import CUSTOM_FIELD, FILE_TYPES, TYPES, written
from shared.providers.wire import NOT_LET_IN, Wire, as_documented, named_in, reference_of

if TYPE_CHECKING:
    import httpx

TIMEOUT_SECONDS = 60.0

LIST_PAGE = 500
NO_SUCH_GROUP = "ResourceNotFound"
GROUP_STATES = {
    "SENDING": BatchState.SENT,
    "COMPLETE": BatchState.SENT,
    "FAILED": BatchState.ABSENT,  # a cancelled schedule or a send that failed whole: nothing went out, nothing will
    "DELETED": BatchState.ABSENT,
}
"""What a group's status means; every other one waits to be told (PENDING, SCHEDULED)."""


def webhook_proof(secret: str) -> str:
    """SOLAPI sends the SHA-1 of a secret chosen by the customer (?), the same with every call: no body is signed, so
    what a webhook says is believed only for messages of the account's own tenant."""
    return hashlib.sha1(secret.encode(), usedforsecurity=False).hexdigest()


class Solapi:
    """SOLAPI for every account; the account comes with each call.

    Args:
        url: the base address, `https://api.solapi.com` in the cloud.
        clock: signs requests; SOLAPI refuses a signature that is 15 minutes off.
        client: made at the first call when not given.
    """

    name = "solapi"
    settlement: Literal[Settlement.TWO_PHASE] = Settlement.TWO_PHASE
    channels = frozenset(TYPES)

    def __init__(self, url: str, clock: Clock, client: httpx.AsyncClient | None = None) -> None:
        self._wire = Wire(url, timeout=TIMEOUT_SECONDS, client=client)
        self._clock = clock
        self._pictures = Pictures(self.call, clock)

    async def prepare(self, account: ProviderAccount, messages: Sequence[OutboundMessage]) -> Prepared:
        pictures = await self._pictures.store(account, filter(None, map(_use, messages)))
        refused = [
            _refusal(message, refusal.code, {"statusMessage": refusal.detail})
            for message in messages
            if (refusal := pictures.refused.get(_use_name(message)))
        ]
        named = {reference_of(each): each for each in messages if _use_name(each) not in pictures.refused}
        if not named:
            return Prepared(None, [], refused)
        group = await self.call(account, "POST", "/messages/v4/groups", {"allowDuplicates": True})
        with as_documented("SOLAPI"):
            batch = str(group["groupId"])
        results = await self._added(account, batch, named, pictures)
        accepted = []
        with as_documented("SOLAPI"):
            codes = {name: str(results[name]["statusCode"]) for name in named}
            tell_unknown(codes.values())
            self._forget_the_lost(account, named, codes, pictures)
            for name, message in named.items():
                if outcome_of(codes[name]) is Outcome.FAILED:
                    refused.append(_refusal(message, codes[name], results[name]))
                else:
                    accepted.append(Accepted(message.message, str(results[name]["messageId"])))
        return Prepared(batch if accepted else None, accepted, refused)

    def _forget_the_lost(
        self,
        account: ProviderAccount,
        named: Mapping[str, OutboundMessage],
        codes: Mapping[str, str],
        pictures: Stored,
    ) -> None:
        """A picture that was stored some time ago may be there no more: it is stored again with the next try."""
        lost = {_use_name(named[name]) for name, code in codes.items() if code == NO_SUCH_PICTURE} & pictures.known
        if lost:
            self._pictures.forget(account, lost)
            raise ProviderUnavailable(NO_SUCH_PICTURE, "a picture that was stored before is there no more")

    async def _added(
        self, account: ProviderAccount, batch: str, named: Mapping[str, OutboundMessage], pictures: Stored
    ) -> dict[str | None, Mapping[str, Any]]:
        """Put messages into a group. Gives the result of each under the name that it has on the wire, as they have."""
        body = {"messages": [written(account, name, message, pictures.ids) for name, message in named.items()]}
        added = await self.call(account, "PUT", f"/messages/v4/groups/{batch}/messages", body)
        with as_documented("SOLAPI"):
            results = {_custom_field(result): result for result in added["resultList"]}
        if not results.keys() >= named.keys():
            # SOLAPI's own SDK knows custom fields in this answer, its published samples show none; the list has them.
            results |= {_custom_field(entry): entry for entry in await self._listed(account, batch)}
        return results

    async def send(self, account: ProviderAccount, batch: str) -> None:
        await self.call(account, "POST", f"/messages/v4/groups/{batch}/send", {})

    async def discard(self, account: ProviderAccount, batch: str) -> None:
        try:
            await self.call(account, "DELETE", f"/messages/v4/groups/{batch}")
        except ProviderRefused as refusal:
            if await self.batch_state(account, batch) is not BatchState.ABSENT:
                raise refusal

    async def batch_state(self, account: ProviderAccount, batch: str) -> BatchState:
        try:
            group = await self.call(account, "GET", f"/messages/v4/groups/{batch}")
        except ProviderRefused as refusal:
            if refusal.code == NO_SUCH_GROUP:
                return BatchState.ABSENT
            raise
        with as_documented("SOLAPI"):
            return GROUP_STATES.get(group["status"], BatchState.WAITING)

    async def batch_reports(self, account: ProviderAccount, batch: str) -> list[ProviderReport]:
        listed = await self._listed(account, batch)
        with as_documented("SOLAPI"):
            return _reports(listed)

    async def _listed(self, account: ProviderAccount, batch: str) -> list[Mapping[str, Any]]:
        """Every message of a group, refused ones too."""
        entries: list[Mapping[str, Any]] = []
        start = ""
        while True:
            query = f"?limit={LIST_PAGE}" + (f"&startKey={start}" if start else "")
            page = await self.call(account, "GET", f"/messages/v4/groups/{batch}/messages{query}")
            with as_documented("SOLAPI"):
                listed = page["messageList"]
                entries += listed.values() if isinstance(listed, dict) else listed
                start = page.get("nextKey") or ""
            if not start:
                return entries

    async def daily(self, account: ProviderAccount, day: dt.date) -> list[Billed]:
        answer = await self.call(account, "GET", path_of(day))
        with as_documented("SOLAPI"):
            return billed(answer, day)

    def proof_of(self, headers: Mapping[str, str]) -> str:
        return headers.get("x-solapi-secret", "")

    def parse_webhook(self, body: bytes) -> list[ProviderReport]:
        entries = orjson.loads(body)
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise ValueError("expected a JSON array of objects")
        try:
            # Reports come wrapped in `data` or flat; both are seen.
            return _reports(entry["data"] if isinstance(entry.get("data"), dict) else entry for entry in entries)
        except KeyError as missing:
            raise ValueError(f"a report without {missing}") from missing

    def webhook_entries(self, call: object) -> list[object]:
        return [[entry] for entry in call] if isinstance(call, list) else []

    async def call(self, account: ProviderAccount, method: str, path: str, body: Any = None) -> Any:
        """What an account is answered, as JSON. Raises a ProviderError."""
        headers = {"Authorization": self._authorization(account), "Content-Type": "application/json"}
        response = await self._wire.request(method, path, headers, None if body is None else orjson.dumps(body))
        try:
            answer = orjson.loads(response.content)
        except orjson.JSONDecodeError as error:
            raise ProviderUndecided("not_json", response.text[:200]) from error
        if response.is_error:
            with as_documented("SOLAPI"):
                refusal = ProviderUnavailable if response.status_code in NOT_LET_IN else ProviderRefused
                raise refusal(str(answer["errorCode"]), str(answer.get("errorMessage")))
        return answer

    def _authorization(self, account: ProviderAccount) -> str:
        """Signed anew for every request: a signature used twice within 15 minutes is refused."""
        date = self._clock.now().isoformat(timespec="seconds").replace("+00:00", "Z")
        salt = secrets.token_hex(16)
        signature = hmac.new(account.secret("api_secret").encode(), (date + salt).encode(), hashlib.sha256)
        return (
            f"HMAC-SHA256 apiKey={account.secret('api_key')}, date={date}, salt={salt}, "
            f"signature={signature.hexdigest()}"
        )


def _custom_field(entry: Mapping[str, Any]) -> str | None:
    fields = entry.get("customFields")
    return fields.get(CUSTOM_FIELD) if isinstance(fields, dict) else None


def _use(message: OutboundMessage) -> tuple[str, Picture] | None:
    return (FILE_TYPES[message.channel], message.picture) if message.picture else None


def _use_name(message: OutboundMessage) -> tuple[str, str]:
    """By what the picture of a message is known that was stored; of one without, it is none's."""
    return (FILE_TYPES[message.channel], message.picture.name) if message.picture else ("", "")


def _refusal(message: OutboundMessage, code: str, result: Mapping[str, Any]) -> ProviderReport:
    return ProviderReport(
        message=message.message,
        attempt=message.attempt,
        channel=message.channel,
        provider_message_id=str(result.get("messageId") or ""),
        code=code,
        outcome=Outcome.FAILED,
        detail=_detail(result),
    )


def _reports(entries: Iterable[Mapping[str, Any]]) -> list[ProviderReport]:
    reports = [report for entry in entries if (report := _report(entry)) is not None]
    tell_unknown(report.code for report in reports)
    return reports


def _report(entry: Mapping[str, Any]) -> ProviderReport | None:
    """A report as the wire has it; None for a message that is none of ours."""
    named = named_in(_custom_field(entry))
    if named is None or named[2] not in TYPES:
        return None
    message, attempt, channel = named
    code = str(entry["statusCode"])
    return ProviderReport(
        message=message,
        attempt=attempt,
        channel=channel,
        provider_message_id=str(entry["messageId"]),
        code=code,
        outcome=outcome_of(code),
        detail=_detail(entry),
        at=moment_of(entry.get("dateReported") or entry.get("dateUpdated")),
        lasting=code in LASTING,
    )


def _detail(entry: Mapping[str, Any]) -> str | None:
    """Reports and results say `statusMessage`, lists say `reason`."""
    return entry.get("statusMessage") or entry.get("reason")


def moment_of(value: Any) -> dt.datetime | None:
    """A moment that SOLAPI wrote, or None where it wrote none that can be."""
    try:
        moment = dt.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo and moment.year in YEARS else None

"""Aligo as a provider.

One call sends, and nothing of ours travels with it. After a lost answer the calls of the day are looked through: by
sender, time, words and recipients. Aligo tells so little of a call that what does not fit wholly is not known. Nobody
calls us, and nothing is told by the time when it ended, so each call is asked about by itself.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from shared.contracts.outcomes import Outcome
from shared.contracts.reports import ProviderReport
from shared.platform.clock import SEOUL
from shared.providers.aligo import alimtalk, texts
from shared.providers.aligo.gateway import Gateway
from shared.providers.base import (
    Accepted,
    OneCall,
    OutboundMessage,
    ProviderAccount,
    ProviderAmbiguous,
    ProviderError,
    Said,
    Settlement,
    Submission,
    Submitted,
)
from shared.providers.matching import Listed, found_again, in_calls
from shared.providers.wire import as_documented, read_in_korea

if TYPE_CHECKING:
    import httpx

LOOK_UP_AFTER = dt.timedelta(minutes=2)
CLOCKS_DIFFER = dt.timedelta(minutes=2)
NOT_TAKEN = "not_taken"
"""Of a recipient whom Aligo counted as an error, and did not say why."""


class Aligo:
    """Aligo for every account; the account comes with each call.

    Args:
        url, kakao_url: the base addresses, `https://apis.aligo.in` and `https://kakaoapi.aligo.in` in the cloud.
        client: made at the first call when not given.
    """

    name = "aligo"
    settlement: OneCall = Settlement.MATCHED
    look_up_after = LOOK_UP_AFTER
    channels = frozenset({*texts.TYPES, "alimtalk"})

    def __init__(self, url: str, kakao_url: str, client: httpx.AsyncClient | None = None) -> None:
        self._gateway = Gateway(url, kakao_url, client)

    def calls(self, messages: Sequence[OutboundMessage]) -> list[list[OutboundMessage]]:
        often = Counter(map(_text_of, messages))
        alike = [message for message in messages if often[_text_of(message)] > texts.MOST_EACH]
        others = [message for message in messages if often[_text_of(message)] <= texts.MOST_EACH]
        return [*in_calls(alike, _text_of, texts.MOST_ALIKE), *in_calls(others, _kind, texts.MOST_EACH)]

    async def submit(self, account: ProviderAccount, submission: Submission) -> Submitted:
        if submission.messages[0].channel == "alimtalk":
            return await self._submit_talks(account, submission.messages)
        messages, refused = _writable(submission.messages)
        if not messages:
            return Submitted("", [], refused)
        path, fields = texts.call_of(account, messages)
        answer = await self._gateway.texts(account, path, fields, messages[0].picture)
        with as_documented("Aligo"):
            mid, errors = str(answer["msg_id"]), int(answer.get("error_cnt") or 0)
        taken = await _taken(messages, errors, lambda: self._receivers(account, mid))
        return _submitted(mid, messages, taken, refused)

    async def _submit_talks(self, account: ProviderAccount, messages: Sequence[OutboundMessage]) -> Submitted:
        answer = await self._gateway.talks(account, "/alimtalk/send/", alimtalk.call_of(account, messages))
        with as_documented("Aligo"):
            mid, errors = str(answer["info"]["mid"]), int(answer["info"].get("fcnt") or 0)
        taken = await _taken(messages, errors, lambda: self._talked_to(account, mid))
        return _submitted(alimtalk.BATCH + mid, messages, taken, [])

    async def find(self, account: ProviderAccount, submission: Submission) -> Submitted | None:
        messages, _ = _writable(submission.messages)
        if not messages:
            return None
        if messages[0].channel == "alimtalk":
            return found_again(messages, await self._talks(account, submission))
        found: list[tuple[str, Counter[str]]] = []
        wanted = Counter(message.to for message in messages)
        for day in _days(submission.begun_at):
            for entry in await self._gateway.listed_texts(account, "/list/", {"start_date": day, "limit_day": "1"}):
                with as_documented("Aligo"):
                    mid = str(entry["mid"])
                    if not texts.may_be(entry, account, messages) or not _in_time(entry, "reg_date", submission):
                        continue
                receivers = await self._receivers(account, mid)
                if receivers & wanted:
                    found.append((mid, receivers))
        if not found:
            return None
        if len(found) > 1 or found[0][1] != wanted:
            raise ProviderAmbiguous("ambiguous", f"{len(found)} calls look like the one that was made")
        return _submitted(found[0][0], messages, None, [])

    async def batch_reports(self, account: ProviderAccount, batch: str) -> Sequence[Said]:
        if batch.startswith(alimtalk.BATCH):
            mid = batch.removeprefix(alimtalk.BATCH)
            entries = await self._gateway.listed_talks(account, "/history/detail/", {"mid": mid})
            with as_documented("Aligo"):
                return [alimtalk.word(mid, entry) for entry in entries]
        entries = await self._gateway.listed_texts(account, "/sms_list/", {"mid": batch})
        with as_documented("Aligo"):
            return [said for entry in entries if (said := texts.word(batch, entry)) is not None]

    def proof_of(self, headers: Mapping[str, str]) -> str:
        return ""

    def parse_webhook(self, body: bytes) -> list[ProviderReport]:
        raise ValueError("Aligo calls nobody")

    def webhook_entries(self, call: object) -> list[object]:
        return []

    async def _receivers(self, account: ProviderAccount, mid: str) -> Counter[str]:
        entries = await self._gateway.listed_texts(account, "/sms_list/", {"mid": mid})
        with as_documented("Aligo"):
            return Counter(texts.digits(entry["receiver"]) for entry in entries)

    async def _talked_to(self, account: ProviderAccount, mid: str) -> Counter[str]:
        entries = await self._gateway.listed_talks(account, "/history/detail/", {"mid": mid})
        with as_documented("Aligo"):
            return Counter(texts.digits(entry["phone"]) for entry in entries)

    async def _talks(self, account: ProviderAccount, submission: Submission) -> list[Listed]:
        """What went to somebody at about that time."""
        found: list[Listed] = []
        for day in _days(submission.begun_at):
            calls = await self._gateway.listed_talks(account, "/history/list/", {"start_date": day, "enddate": day})
            for call in calls:
                with as_documented("Aligo"):
                    mid = str(call["mid"])
                    if not _in_time(call, "regdate", submission):
                        continue
                entries = await self._gateway.listed_talks(account, "/history/detail/", {"mid": mid})
                with as_documented("Aligo"):
                    template = submission.messages[0].template_code
                    found += [
                        alimtalk.listed(mid, entry) for entry in entries if entry.get("tpl_code") in (template, None)
                    ]
        return found


async def _taken(
    messages: Sequence[OutboundMessage], errors: int, ask: Callable[[], Awaitable[Counter[str]]]
) -> Counter[str] | None:
    """Who of a call was taken; None: all of them, or nobody says who.

    Args:
        messages: what it carried.
        errors: how many were not.
        ask: for the recipients of those that were.
    """
    if not errors:
        return None
    if errors >= len(messages):
        return Counter()
    try:
        taken = await ask()
    except ProviderError:
        return None
    return taken if taken.total() == len(messages) - errors else None


def _text_of(message: OutboundMessage) -> Hashable:
    """What a call of one text for all is of. AlimTalk has no such call."""
    return (*_kind(message), message.message if message.channel == "alimtalk" else message.text)


def _kind(message: OutboundMessage) -> tuple[Hashable, ...]:
    """What a call is of: a template of AlimTalk; of texts a type, a title and a picture."""
    if message.channel == "alimtalk":
        return message.channel, message.template_code
    return message.channel, message.subject, message.picture and message.picture.name


def _writable(messages: Sequence[OutboundMessage]) -> tuple[list[OutboundMessage], list[ProviderReport]]:
    """Texts that arrive as they are written, and refusals of the others: Aligo would send a `?` for each character."""
    good: list[OutboundMessage] = []
    refused: list[ProviderReport] = []
    for message in messages:
        wrong = texts.cant_be_written(message) if message.channel != "alimtalk" else ""
        if wrong:
            detail = f"Aligo can't carry {wrong} (문자로 보낼 수 없는 글자)"
            refused.append(_refusal(message, "unencodable_characters", detail))
        else:
            good.append(message)
    return good, refused


def _submitted(
    batch: str, messages: Sequence[OutboundMessage], taken: Counter[str] | None, refused: list[ProviderReport]
) -> Submitted:
    accepted = [Accepted(each.message, None) for each in messages if taken is None or each.to in taken]
    detail = "Aligo counts it as an error and says no more (알리고가 접수하지 않았습니다.)"
    others = [_refusal(each, NOT_TAKEN, detail) for each in messages if taken is not None and each.to not in taken]
    return Submitted(batch, accepted, [*refused, *others])


def _refusal(message: OutboundMessage, code: str, detail: str) -> ProviderReport:
    return ProviderReport(
        message=message.message,
        attempt=message.attempt,
        channel=message.channel,
        provider_message_id="",
        code=code,
        outcome=Outcome.FAILED,
        detail=detail,
    )


def _days(moment: dt.datetime) -> Iterator[str]:
    """The days in Korea on which a call of that moment may be listed: one, and about midnight two."""
    days = {(moment + shift).astimezone(SEOUL).strftime("%Y%m%d") for shift in (-CLOCKS_DIFFER, CLOCKS_DIFFER)}
    yield from sorted(days)


def _in_time(entry: Mapping[str, Any], field: str, submission: Submission) -> bool:
    """Whether a call may have been made at that time; one that does not say when may."""
    at = read_in_korea(entry.get(field))
    return at is None or abs(at - submission.begun_at) <= CLOCKS_DIFFER + dt.timedelta(seconds=1)

"""SENS as a provider.

One call sends, and nothing of ours travels with it: after a lost answer it is looked for by recipient, words and time.
Nobody calls us: what has ended is asked for, for a whole account at a time. An account may have the service of texts,
that of AlimTalk, or both. AlimTalk's fallback to texts is switched off in each call; texts know none.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from shared.contracts.outcomes import Outcome
from shared.contracts.reports import ProviderReport
from shared.platform.clock import Clock
from shared.providers.base import (
    Accepted,
    OneCall,
    OutboundMessage,
    Polling,
    ProviderAccount,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    ProviderUndecided,
    Said,
    Settlement,
    Submission,
    Submitted,
    Word,
)
from shared.providers.matching import Listed, compared, found_again, in_calls
from shared.providers.sens import alimtalk, texts
from shared.providers.sens.gateway import ALIMTALK, TEXTS, Gateway
from shared.providers.wire import as_documented, written_in_korea

if TYPE_CHECKING:
    import httpx

LOOK_UP_AFTER = dt.timedelta(minutes=2)
CLOCKS_DIFFER = dt.timedelta(minutes=2)
MOST_RECIPIENTS = 100


class Sens:
    """SENS for every account; the account comes with each call.

    Args:
        url: the base address, `https://sens.apigw.ntruss.com` in the cloud.
        clock: signs requests.
        client: made at the first call when not given.
    """

    name = "sens"
    settlement: OneCall = Settlement.MATCHED
    look_up_after = LOOK_UP_AFTER
    channels = frozenset({*texts.TYPES, "alimtalk"})
    polling = Polling(every=dt.timedelta(minutes=1), span=dt.timedelta(hours=24))

    def __init__(self, url: str, clock: Clock, client: httpx.AsyncClient | None = None) -> None:
        self._gateway = Gateway(url, clock, client)

    def calls(self, messages: Sequence[OutboundMessage]) -> list[list[OutboundMessage]]:
        return in_calls(messages, _kind, MOST_RECIPIENTS)

    async def submit(self, account: ProviderAccount, submission: Submission) -> Submitted:
        messages = submission.messages
        first = messages[0]
        if first.channel == "alimtalk":
            answer = await self._gateway.post(account, ALIMTALK, "/messages", alimtalk.call_of(account, messages))
            with as_documented("SENS"):
                _must_be_success(answer)
                return alimtalk.submitted(messages, answer)
        file = None
        if first.picture is not None:
            try:
                file = await self._upload(account, first)
            except ProviderRefused as error:  # whichever of them shows it
                return Submitted("", [], [_refusal(message, error) for message in messages])
        answer = await self._gateway.post(account, TEXTS, "/messages", texts.call_of(account, messages, file))
        with as_documented("SENS"):
            _must_be_success(answer)
            return Submitted(str(answer["requestId"]), [Accepted(message.message, None) for message in messages], [])

    async def find(self, account: ProviderAccount, submission: Submission) -> Submitted | None:
        first, recipients = submission.messages[0], {message.to for message in submission.messages}
        query = {
            "requestStartTime": written_in_korea(submission.begun_at - CLOCKS_DIFFER),
            "requestEndTime": written_in_korea(submission.begun_at + CLOCKS_DIFFER),
        }
        if len(recipients) == 1:
            query["to"] = first.to
        if first.channel == "alimtalk":
            listed = await self._talks(account, query, first.template_code, recipients)
        else:
            query |= {"type": texts.TYPES[first.channel], "from": account.sender}
            entries = await self._gateway.listed(account, TEXTS, query)
            with as_documented("SENS"):
                listed = [texts.listed(entry) for entry in entries]
        return found_again(submission.messages, listed)

    async def batch_reports(self, account: ProviderAccount, batch: str) -> Sequence[Said]:
        if batch.startswith(alimtalk.BATCH):
            query = {"requestId": batch.removeprefix(alimtalk.BATCH)}
            return _words_of_talks(await self._gateway.listed(account, ALIMTALK, query))
        return _words_of_texts(await self._gateway.listed(account, TEXTS, {"requestId": batch}))

    async def poll(self, account: ProviderAccount, since: dt.datetime, until: dt.datetime) -> Sequence[Said]:
        """As of any provider. AlimTalk's list is of one channel: what was sent by another one of the same service is
        told where its call is asked about."""
        window = {"completeStartTime": written_in_korea(since), "completeEndTime": written_in_korea(until)}
        said: list[Word] = []
        if TEXTS.credential in account.secrets:
            said += _words_of_texts(await self._gateway.listed(account, TEXTS, window))
        if ALIMTALK.credential in account.secrets and account.kakao_channel is not None:
            window["plusFriendId"] = account.kakao_channel
            said += _words_of_talks(await self._gateway.listed(account, ALIMTALK, window))
        return said

    def proof_of(self, headers: Mapping[str, str]) -> str:
        return ""

    def parse_webhook(self, body: bytes) -> list[ProviderReport]:
        raise ValueError("SENS calls nobody")

    def webhook_entries(self, call: object) -> list[object]:
        return []

    async def _upload(self, account: ProviderAccount, message: OutboundMessage) -> str:
        """The id of a message's picture. Nothing is sent by handing it over, so no end of it is undecided."""
        assert message.picture is not None, "an MMS shows one"  # noqa: S101
        try:
            answer = await self._gateway.post(account, TEXTS, "/files", texts.file_of(message.picture))
            with as_documented("SENS"):
                return str(answer["fileId"])
        except ProviderUndecided as error:
            raise ProviderUnavailable(error.code, f"its picture could not be handed over: {error.detail}") from error

    async def _talks(
        self, account: ProviderAccount, query: Mapping[str, str], template: str | None, recipients: set[str]
    ) -> list[Listed]:
        """AlimTalks of a template to some recipients, with their words, which SENS tells of each alone."""
        query = {**query, "plusFriendId": str(account.kakao_channel), "templateCode": str(template)}
        entries = await self._gateway.listed(account, ALIMTALK, query)
        found = []
        with as_documented("SENS"):
            for entry in entries:
                if str(entry["to"]) not in recipients:
                    continue
                name = str(entry["messageId"])
                words = entry.get("content")
                if words is None:
                    words = (await self._gateway.show(account, ALIMTALK, name))["content"]
                found.append(Listed(alimtalk.BATCH + str(entry["requestId"]), str(entry["to"]), compared(words), name))
        return found


def _kind(message: OutboundMessage) -> Hashable:
    """What a call is of: AlimTalk has one template a call; texts are adverts or not, and show the same picture."""
    if message.channel == "alimtalk":
        return message.channel, message.template_code
    return message.channel, texts.is_advertising(message), message.picture and message.picture.name


def _must_be_success(answer: Any) -> None:
    if answer.get("statusName") != "success":
        told = f"SENS says that its request {answer.get('requestId')} failed"
        raise ProviderUndecided(str(answer.get("statusCode")), told)


def _refusal(message: OutboundMessage, error: ProviderError) -> ProviderReport:
    return ProviderReport(
        message=message.message,
        attempt=message.attempt,
        channel=message.channel,
        provider_message_id="",
        code=error.code,
        outcome=Outcome.FAILED,
        detail=error.detail,
    )


def _words_of_texts(entries: Sequence[Mapping[str, Any]]) -> list[Word]:
    with as_documented("SENS"):
        return [said for entry in entries if (said := texts.word(entry)) is not None]


def _words_of_talks(entries: Sequence[Mapping[str, Any]]) -> list[Word]:
    with as_documented("SENS"):
        return [alimtalk.word(entry) for entry in entries]

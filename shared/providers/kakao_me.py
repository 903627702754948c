"""KakaoTalk to oneself: https://developers.kakao.com/docs/latest/ko/kakaotalk-message/rest-api, "나에게 보내기".

It reaches the owner of the account alone: a message to friends must be chosen and begun by its user, and no service may
do that. What is lost on its way can't be asked for, so it is never sent again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

import orjson

from shared.contracts.reports import ProviderReport
from shared.platform.clock import Clock
from shared.providers.base import (
    Accepted,
    OneCall,
    OutboundMessage,
    ProviderAccount,
    ProviderAmbiguous,
    ProviderBusy,
    ProviderRefused,
    ProviderUnavailable,
    ProviderUndecided,
    Said,
    Settlement,
    Submission,
    Submitted,
)
from shared.providers.wire import Wire, as_documented, reference_of

if TYPE_CHECKING:
    import httpx

TIMEOUT_SECONDS = 20.0
EARLIER = dt.timedelta(minutes=5)
"""So long before its end a token is replaced."""

TOKEN_OVER = -401
DAILY_LIMITS = frozenset({-532, -533})
QUOTA = -10
LATER = "600"
"""Seconds until it is tried again where a quota of the day or the month is used up: it may be midnight by then."""

ENDS_SOON = "the refresh token ends within a month: log in anew, and register the account again with the new one"
"""Kakao gives another refresh token then, and both hold for as long as they do."""

_FORM = {"Content-Type": "application/x-www-form-urlencoded;charset=utf-8"}


class _Token(NamedTuple):
    bearer: str
    until: dt.datetime
    ends_soon: bool


class KakaoMe:
    """Messages to the owners of accounts; the account comes with each call.

    Args:
        url: the base address of the API, `https://kapi.kakao.com` in the cloud.
        login_url: where tokens are given, `https://kauth.kakao.com` in the cloud.
        clock: when a token is over.
        client: made at the first call when not given.
    """

    name = "kakao_me"
    settlement: OneCall = Settlement.NONE
    look_up_after = dt.timedelta(minutes=1)
    channels = frozenset({"kakao_me"})

    def __init__(self, url: str, login_url: str, clock: Clock, client: httpx.AsyncClient | None = None) -> None:
        self._wire = Wire(url, timeout=TIMEOUT_SECONDS, client=client)
        self._login = Wire(login_url, timeout=TIMEOUT_SECONDS, client=client)
        self._clock = clock
        self._tokens: dict[tuple[str, str], _Token] = {}

    def calls(self, messages: Sequence[OutboundMessage]) -> list[list[OutboundMessage]]:
        """Each alone: one request is one message."""
        return [[message] for message in messages]

    async def submit(self, account: ProviderAccount, submission: Submission) -> Submitted:
        """Send one message to the account's owner.

        Raises:
            ProviderUnavailable: it was not sent: no token, or not allowed. ProviderBusy: a quota is used up.
            ProviderRefused: it was understood and refused.
            ProviderUndecided: it was given, and not answered.
        """
        [message] = submission.messages
        token = await self._token(account)
        form = urlencode({"template_object": orjson.dumps(_template(message)).decode()}).encode()
        headers = {**_FORM, "Authorization": f"Bearer {token.bearer}"}
        response = await self._wire.request("POST", "/v2/api/talk/memo/default/send", headers, form)
        with as_documented(self.name):
            answer = orjson.loads(response.content)
            code = int(answer["result_code"] if response.status_code == HTTPStatus.OK else answer["code"])
        if code != 0:
            self._refused(account, code, str(answer.get("msg", ""))[:200])
        reference = reference_of(message)
        return Submitted(reference, [Accepted(message.message, None)], [], amiss=ENDS_SOON if token.ends_soon else None)

    def _refused(self, account: ProviderAccount, code: int, told: str) -> None:
        if code in DAILY_LIMITS or code == QUOTA:
            raise ProviderBusy(str(code), told, LATER)
        if code == TOKEN_OVER:
            self._tokens.pop(_whose(account), None)
            raise ProviderUnavailable(str(code), told)
        raise ProviderRefused(str(code), told)

    async def find(self, account: ProviderAccount, submission: Submission) -> Submitted | None:
        """Nobody can be asked."""
        raise ProviderAmbiguous("nobody_to_ask", "KakaoTalk does not tell what was sent to oneself")

    async def batch_reports(self, account: ProviderAccount, batch: str) -> Sequence[Said]:
        """Nothing is told of it."""
        return []

    def proof_of(self, headers: Mapping[str, str]) -> str:
        return ""

    def parse_webhook(self, body: bytes) -> list[ProviderReport]:
        """Nobody calls us."""
        raise ValueError("KakaoTalk makes no calls on messages to oneself")

    def webhook_entries(self, call: object) -> list[object]:
        return []

    async def _token(self, account: ProviderAccount) -> _Token:
        """What lets a call in; asked for anew shortly before its end.

        Raises:
            ProviderUnavailable: none was given.
        """
        kept = self._tokens.get(_whose(account))
        if kept is not None and self._clock.now() < kept.until - EARLIER:
            return kept
        fields = {
            "grant_type": "refresh_token",
            "client_id": account.secret("rest_api_key"),
            "refresh_token": account.secret("refresh_token"),
        }
        if secret := account.secrets.get("client_secret"):
            fields["client_secret"] = secret
        try:
            response = await self._login.request("POST", "/oauth/token", _FORM, urlencode(fields).encode())
        except ProviderUndecided as error:  # nothing was sent
            raise ProviderUnavailable(error.code, error.detail) from error
        try:
            answer = orjson.loads(response.content)
            if response.status_code != HTTPStatus.OK:
                told = str(answer.get("error_description", ""))[:200]
                raise ProviderUnavailable(str(answer["error_code"]), told)
            until = self._clock.now() + dt.timedelta(seconds=int(answer["expires_in"]))
            token = _Token(str(answer["access_token"]), until, "refresh_token" in answer)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ProviderUnavailable("unexpected_answer", "not what KakaoTalk documents") from error
        self._tokens[_whose(account)] = token
        return token


def _whose(account: ProviderAccount) -> tuple[str, str]:
    return account.secret("rest_api_key"), account.secret("refresh_token")


def _template(message: OutboundMessage) -> dict[str, Any]:
    link = {"web_url": message.link, "mobile_web_url": message.link} if message.link else {}
    return {"object_type": "text", "text": message.text, "link": link}

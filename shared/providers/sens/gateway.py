"""Signed calls of SENS: https://api.ncloud-docs.com/docs/sens-overview."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode

import orjson

from shared.platform.clock import Clock
from shared.providers.base import ProviderAccount, ProviderRefused, ProviderUnavailable
from shared.providers.wire import NOT_LET_IN, Wire, as_documented

if TYPE_CHECKING:
    import httpx

TIMEOUT_SECONDS = 30.0
PAGE = 100


class Service(NamedTuple):
    """One of the services that a project may have.

    path: where its addresses begin.
    credential: what an account calls the id of its own.
    """

    path: str
    credential: str


TEXTS = Service("/sms/v2/services/", "service_id")
ALIMTALK = Service("/alimtalk/v2/services/", "kakao_service_id")


class Gateway:
    """Calls in an account's name, each signed anew.

    Args:
        url: the base address.
        clock: SENS refuses a time that is 5 minutes off.
        client: made at the first call when not given.
    """

    def __init__(self, url: str, clock: Clock, client: httpx.AsyncClient | None) -> None:
        self._wire = Wire(url, timeout=TIMEOUT_SECONDS, client=client)
        self._clock = clock

    async def post(self, account: ProviderAccount, service: Service, path: str, body: Mapping[str, Any]) -> Any:
        """What is answered to a call that does something. Raises ProviderError."""
        return await self._call(account, "POST", service, path, orjson.dumps(body))

    async def show(self, account: ProviderAccount, service: Service, message: str) -> Mapping[str, Any]:
        """What is known of one message; nothing where there is none. Raises ProviderError."""
        answer = await self._call(account, "GET", service, f"/messages/{quote(message, safe='')}")
        with as_documented("SENS"):
            return dict(answer)

    async def listed(
        self, account: ProviderAccount, service: Service, query: Mapping[str, str]
    ) -> list[Mapping[str, Any]]:
        """All pages of a list; where there is nothing SENS says 404. Raises ProviderError."""
        entries: list[Mapping[str, Any]] = []
        token = ""
        while True:
            asked = {**query, "pageSize": str(PAGE)} | ({"nextToken": token} if token else {})
            answer = await self._call(account, "GET", service, f"/messages?{urlencode(asked, quote_via=quote)}")
            with as_documented("SENS"):
                entries += answer.get("messages") or []
                token = str(answer.get("nextToken") or "")
            if not token:
                return entries

    async def _call(
        self, account: ProviderAccount, method: str, service: Service, path: str, content: bytes | None = None
    ) -> Any:
        whole = f"{service.path}{quote(account.secret(service.credential), safe=':')}{path}"
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
        """Signs just what stands in the request's first line."""
        moment, key = str(int(self._clock.now().timestamp() * 1000)), account.secret("access_key")
        signed = f"{method} {whole}\n{moment}\n{key}".encode()
        digest = hmac.new(account.secret("secret_key").encode(), signed, hashlib.sha256).digest()
        return {
            "x-ncp-apigw-timestamp": moment,
            "x-ncp-iam-access-key": key,
            "x-ncp-apigw-signature-v2": base64.b64encode(digest).decode(),
        }

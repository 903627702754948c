"""Calls of Aligo: forms, whose answers are JSON with HTTP 200 also for errors.

https://smartsms.aligo.in/smsapi.html says of texts that 1 is success, https://smartsms.aligo.in/alimapi.html of
AlimTalk that 0 is; the same code comes as a number and as a text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import orjson

from shared.providers.base import Picture, ProviderAccount, ProviderRefused, ProviderUnavailable, ProviderUndecided
from shared.providers.wire import NOT_LET_IN, Wire, as_documented

if TYPE_CHECKING:
    import httpx

TIMEOUT_SECONDS = 30.0
PAGE = 500

NOT_NOW = frozenset({"-99", "-101"})
"""They judge the account: no credit, a wrong key, an address that is not on its list. Its messages leave once that is
mended. Of the other negative codes no two sources say the same, so they are refusals and their words are kept."""

REFUSED_TALK = frozenset({"404", "509"})
"""Of AlimTalk, codes above zero that are documented as refusals: 509 where the channel's manager is not told of."""


class Gateway:
    """Calls in an account's name.

    Args:
        url, kakao_url: the base addresses of texts and of AlimTalk.
        client: made at the first call when not given.
    """

    def __init__(self, url: str, kakao_url: str, client: httpx.AsyncClient | None) -> None:
        self._texts = Wire(url, timeout=TIMEOUT_SECONDS, client=client)
        self._talks = Wire(kakao_url, timeout=TIMEOUT_SECONDS, client=client)

    async def texts(
        self, account: ProviderAccount, path: str, fields: Mapping[str, str], picture: Picture | None = None
    ) -> Mapping[str, Any]:
        """What is answered about texts. Raises ProviderError."""
        opened = {"key": account.secret("api_key"), "user_id": account.secret("user_id"), "testmode_yn": "N"}
        kind, content = _form({**opened, **fields}, picture)
        answer = await _answered(self._texts, path, kind, content)
        with as_documented("Aligo"):
            code, said = str(answer["result_code"]), str(answer.get("message"))
        if code != "1":
            raise _error(code, said, is_refused=code.startswith("-"))
        return answer

    async def talks(self, account: ProviderAccount, path: str, fields: Mapping[str, str]) -> Mapping[str, Any]:
        """What is answered about AlimTalk. Raises ProviderError."""
        opened = {"apikey": account.secret("api_key"), "userid": account.secret("user_id")}
        kind, content = _form({**opened, **fields})
        answer = await _answered(self._talks, f"/akv10{path}", kind, content)
        with as_documented("Aligo"):
            code, said = str(answer["code"]), str(answer.get("message"))
        if code != "0":
            raise _error(code, said, is_refused=code.startswith("-") or code in REFUSED_TALK)
        return answer

    async def listed_texts(
        self, account: ProviderAccount, path: str, fields: Mapping[str, str]
    ) -> list[Mapping[str, Any]]:
        """All pages of a list. Raises ProviderError."""
        entries: list[Mapping[str, Any]] = []
        page = 1
        while True:
            asked = {**fields, "page": str(page), "page_size": str(PAGE)}
            answer = await self.texts(account, path, asked)
            with as_documented("Aligo"):
                found = list(answer.get("list") or [])
            entries += found
            if not found or answer.get("next_yn") != "Y":
                return entries
            page += 1

    async def listed_talks(
        self, account: ProviderAccount, path: str, fields: Mapping[str, str]
    ) -> list[Mapping[str, Any]]:
        """The same of AlimTalk."""
        entries: list[Mapping[str, Any]] = []
        page = 1
        while True:
            answer = await self.talks(account, path, {**fields, "page": str(page), "limit": str(PAGE)})
            with as_documented("Aligo"):
                found, last = list(answer.get("list") or []), int(answer.get("totalPage") or 1)
            entries += found
            if not found or page >= last:
                return entries
            page += 1


async def _answered(wire: Wire, path: str, kind: str, content: bytes) -> Mapping[str, Any]:
    response = await wire.request("POST", path, {"Content-Type": kind}, content)
    if response.status_code in NOT_LET_IN:
        raise ProviderUnavailable(str(response.status_code), response.text[:200])
    with as_documented("Aligo"):
        return dict(orjson.loads(response.content))


def _error(code: str, said: str, *, is_refused: bool) -> Exception:
    if code in NOT_NOW:
        return ProviderUnavailable(code, said)
    return ProviderRefused(code, said) if is_refused else ProviderUndecided(code, said)


def _form(fields: Mapping[str, str], picture: Picture | None = None) -> tuple[str, bytes]:
    """The type and the bytes of a form in UTF-8; with a picture, in parts."""
    if picture is None:
        return "application/x-www-form-urlencoded; charset=utf-8", urlencode(fields).encode()
    # In no part: it is a hash of all that is in them.
    boundary = hashlib.sha256(orjson.dumps(fields) + picture.content).hexdigest()
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = f'Content-Disposition: form-data; name="image"; filename="{picture.name}"\r\nContent-Type: image/jpeg'
    parts += [f"--{boundary}\r\n{head}\r\n\r\n".encode(), picture.content, f"\r\n--{boundary}--\r\n".encode()]
    return f"multipart/form-data; boundary={boundary}", b"".join(parts)

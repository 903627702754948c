"""Access tokens of Google's APIs for a service account that a tenant has registered:
https://developers.google.com/identity/protocols/oauth2/service-account#httprest."""

from __future__ import annotations

import base64
import datetime as dt
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

import orjson

from shared.platform.clock import Clock
from shared.providers.base import ProviderAccount, ProviderError, ProviderUnavailable
from shared.providers.wire import Wire, as_documented

if TYPE_CHECKING:
    import httpx

TIMEOUT_SECONDS = 10.0
ASKED_FOR = dt.timedelta(hours=1)
RENEWED_BEFORE = dt.timedelta(minutes=5)
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
MOST_TOKENS = 1_000


class _Token(NamedTuple):
    value: str
    good_until: dt.datetime


class GoogleTokens:
    """Tokens, each asked for once and kept for as long as it is good.

    Where they are asked for is ours to say, and not the registered file's: its `token_uri` could be anywhere.

    Args:
        url: the base address, `https://oauth2.googleapis.com` in the cloud.
        clock: the time.
        client: made at the first call when not given.
    """

    def __init__(self, url: str, clock: Clock, client: httpx.AsyncClient | None = None) -> None:
        self._audience = f"{url.rstrip('/')}/token"
        self._wire = Wire(url, timeout=TIMEOUT_SECONDS, client=client)
        self._clock = clock
        self._kept: dict[tuple[str, str, str], _Token] = {}

    async def of(self, account: ProviderAccount, scope: str) -> str:
        """A token for an account's `client_email` and `private_key`.

        Raises:
            ProviderUnavailable: there is none to be had: the key is no key, is not known there, or Google is away.
        """
        key = _key_of(account, scope)
        kept = self._kept.get(key)
        if kept is None or self._clock.now() >= kept.good_until:
            if len(self._kept) >= MOST_TOKENS:
                self._kept.clear()
            kept = self._kept[key] = await self._asked(account, scope)
        return kept.value

    def forget(self, account: ProviderAccount, scope: str) -> None:
        """The token is not taken any more."""
        self._kept.pop(_key_of(account, scope), None)

    async def _asked(self, account: ProviderAccount, scope: str) -> _Token:
        body = urlencode({"grant_type": GRANT, "assertion": self._assertion(account, scope)}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        try:
            response = await self._wire.request("POST", "/token", headers, body)
            with as_documented("Google"):
                answer = orjson.loads(response.content)
                if response.status_code == HTTPStatus.OK:
                    lifetime = dt.timedelta(seconds=float(answer["expires_in"])) - RENEWED_BEFORE
                    return _Token(str(answer["access_token"]), self._clock.now() + lifetime)
                code, detail = str(answer["error"]), str(answer.get("error_description") or "")
        except ProviderUnavailable:
            raise
        except ProviderError as error:  # whatever became of it, nothing was sent
            raise ProviderUnavailable(error.code, error.detail) from error
        raise ProviderUnavailable(code, f"{detail} (the service account's key; 서비스 계정 키를 확인하세요.)")

    def _assertion(self, account: ProviderAccount, scope: str) -> str:
        # Imported here, for most that know this module sign nothing.
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import padding, rsa

        now = int(self._clock.now().timestamp())
        claims = {
            "iss": account.secret("client_email"),
            "scope": scope,
            "aud": self._audience,
            "iat": now,
            "exp": now + int(ASKED_FOR.total_seconds()),
        }
        # Whoever carries a key in a variable or a YAML line has \n in it for a line's end.
        pem = account.secret("private_key").replace("\\n", "\n").encode()
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except (TypeError, ValueError):
            key = None
        if not isinstance(key, rsa.RSAPrivateKey):
            detail = "private_key is no RSA key in PEM, as the service account's file has it (private_key 값 확인)"
            raise ProviderUnavailable("bad_private_key", detail)
        signed = f"{_encoded({'alg': 'RS256', 'typ': 'JWT'})}.{_encoded(claims)}"
        return f"{signed}.{_base64(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def _key_of(account: ProviderAccount, scope: str) -> tuple[str, str, str]:
    return account.secret("client_email"), account.secret("private_key"), scope


def _encoded(content: dict[str, Any]) -> str:
    return _base64(orjson.dumps(content))


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

"""Who calls: the HMAC header of https://developers.solapi.com/references/authentication/api-key."""

import hashlib
import hmac
import re
from collections.abc import Callable

from simulator.clock import Clock, from_iso
from simulator.solapi.errors import SolapiError

WINDOW = 15 * 60
"""Seconds by which a request's date may differ from ours, and for which a signature can't be used again."""

_PART = re.compile(r"(\w+)=([^,\s]+)")
_SALT_BYTES = range(12, 65)


class SignatureCheck:
    """Verifies signatures and remembers them for as long as they could be replayed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[str, float] = {}

    def verify(self, header: str | None, secret_of: Callable[[str], str | None]) -> str:
        """Answer the API key of a request.

        Args:
            header: the Authorization header. SDKs differ in the casing of its parts' names: all are accepted.
            secret_of: the secret of an API key, or None if there is no such key.

        Raises:
            SolapiError: 403 InvalidAPIKey, RequestTimeTooSkewed, SignatureDoesNotMatch or DuplicatedSignature;
                401 Unauthorized without a header of this form (that code is not documented).
        """
        method, _, rest = (header or "").partition(" ")
        parts: dict[str, str] = {name.lower(): value for name, value in _PART.findall(rest)}
        if method != "HMAC-SHA256" or not parts.keys() >= {"apikey", "date", "salt", "signature"}:
            raise SolapiError(401, "Unauthorized", "Authorization 헤더의 형식이 올바르지 않습니다.")
        secret = secret_of(parts["apikey"])
        if secret is None:
            raise SolapiError(403, "InvalidAPIKey", "유효한 API Key가 아닙니다.")
        now = self._clock()
        if abs(_moment(parts["date"]) - now) > WINDOW:
            raise SolapiError(403, "RequestTimeTooSkewed", "시간 값이 서버 시간을 15분 이상 벗어났습니다.")
        signed = hmac.new(secret.encode(), (parts["date"] + parts["salt"]).encode(), hashlib.sha256).hexdigest()
        if len(parts["salt"].encode()) not in _SALT_BYTES or not hmac.compare_digest(
            signed.encode(), parts["signature"].encode()
        ):
            raise SolapiError(403, "SignatureDoesNotMatch", "생성한 Signature가 일치하지 않습니다.")
        self._use_once(signed, now)
        return parts["apikey"]

    def _use_once(self, signature: str, now: float) -> None:
        if signature in self._seen and now - self._seen[signature] <= WINDOW:
            raise SolapiError(403, "DuplicatedSignature", "15분 안에 동일한 Signature가 사용됐습니다.")
        self._seen.pop(signature, None)
        self._seen[signature] = now
        while now - self._seen[oldest := next(iter(self._seen))] > WINDOW:
            del self._seen[oldest]


def _moment(date: str) -> float:
    try:
        return from_iso(date)
    except ValueError as error:
        raise SolapiError(403, "RequestTimeTooSkewed", "date가 ISO 8601 형식이 아닙니다.") from error

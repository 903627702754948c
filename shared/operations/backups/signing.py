"""Signatures: HMAC-SHA256, by which who has the key knows what was written by somebody who has it.

These keys open nothing. A key's id is made from the key, so nobody has to think of one.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from shared.platform.errors import AllimError

ID_CHARACTERS = 8


class UnknownKeyError(AllimError):
    """A signature's key is not there. Its sentence names it by its id."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Who vouches for a content. `key`: the signing key's id. `code`: HMAC-SHA256 in hexadecimal."""

    key: str
    code: str


class SigningKeys:
    """The first signs, and what any of them signed is believed.

    Args:
        keys: 32 bytes each, one at least.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = {_id(key): key for key in keys}
        self.signing = _id(keys[0])

    def sign(self, content: bytes) -> Signature:
        """Vouch for every byte of a content."""
        return Signature(self.signing, _code(self._keys[self.signing], content))

    def vouch(self, signature: Signature, content: bytes) -> bool:
        """Whether one of these keys signed just this.

        Raises:
            UnknownKeyError: `unknown_key`, it names a key that is not among these.
        """
        if signature.key not in self._keys:
            raise UnknownKeyError("unknown_key", f"signed with the key {signature.key}, which is not loaded here")
        return hmac.compare_digest(_code(self._keys[signature.key], content).encode(), signature.code.encode())


def _code(key: bytes, content: bytes) -> str:
    return hmac.new(key, b"allim backup\0" + content, hashlib.sha256).hexdigest()


def _id(key: bytes) -> str:
    """The beginning of the key's hash, which tells nothing of 32 random bytes."""
    return hashlib.sha256(b"allim signing key id\0" + key).hexdigest()[:ID_CHARACTERS]

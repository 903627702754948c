"""Credentials at rest: AES-256-GCM, bound to the row they belong to, and named after the key that sealed them.

A sealed value is `key:<id>:`, a nonce, and the ciphertext. A key's id is made from the key, so nobody has to think of
one, and no two keys can bear the same. Values from before keys had ids begin with the nonce; each key is tried on them.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from shared.platform.errors import AllimError

NONCE_BYTES = 12
ID_CHARACTERS = 8
HEADER_BYTES = len(b"key:") + ID_CHARACTERS + len(b":")

_HEADER = re.compile(rb"key:([0-9a-f]{8}):")


class SealError(AllimError):
    """A value that can't be opened. Its sentence names keys by their ids, and is safe to show."""


class SealedValue(NamedTuple):
    """A sealed value where it is kept.

    tenant, id: whose, and which of a tenant's; the id is empty where there is but one.
    context: what it is bound to.
    """

    tenant: str
    id: str
    context: str
    sealed: bytes


class Keys:
    """The keys of a process: the first seals, all of them open.

    Args:
        keys: 32 bytes each, one at least.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = {id_of_key(key): key for key in keys}
        self.sealing = id_of_key(keys[0])

    @property
    def ids(self) -> list[str]:
        """The ids of all, the sealing one first."""
        return list(self._keys)

    def seal(self, secrets: dict[str, Any], *, context: str) -> bytes:
        """Encrypt `secrets` with the first key.

        Args:
            secrets: what JSON can hold.
            context: names the owner, e.g. `tenant/account`; ciphertext copied to another row can't be opened there.
        """
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(NONCE_BYTES)
        sealed = AESGCM(self._keys[self.sealing]).encrypt(nonce, json.dumps(secrets).encode(), context.encode())
        return header_of(self.sealing) + nonce + sealed

    def unseal(self, sealed: bytes, *, context: str) -> dict[str, Any]:
        """Decrypt what `seal` made.

        Raises:
            SealError: `unknown_key`, it was sealed with a key that is not among these; `not_opened`, the right key does
                not open it, so it belongs elsewhere or was damaged.
        """
        named = key_of(sealed)
        if named is None:
            return self._opened(self.ids, sealed, context)
        if named not in self._keys:
            loaded = ", ".join(self.ids)
            raise SealError("unknown_key", f"sealed with the key {named}, and only {loaded} are loaded here")
        return self._opened([named], sealed[HEADER_BYTES:], context)

    def _opened(self, ids: Sequence[str], body: bytes, context: str) -> dict[str, Any]:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        for key in ids:
            try:
                plain = AESGCM(self._keys[key]).decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], context.encode())
            except (InvalidTag, ValueError):
                continue
            opened: dict[str, Any] = json.loads(plain)
            return opened
        raise SealError("not_opened", f"not opened by {', '.join(ids)}: sealed with another key, or for another row")


def id_of_key(key: bytes) -> str:
    """The id of a key: the beginning of its hash, which tells nothing of 32 random bytes."""
    return hashlib.sha256(b"allim key id\0" + key).hexdigest()[:ID_CHARACTERS]


def header_of(key_id: str) -> bytes:
    """What a value begins with that was sealed with a key."""
    return f"key:{key_id}:".encode()


def key_of(sealed: bytes) -> str | None:
    """The id of the key that sealed a value; None for one from before keys had ids."""
    found = _HEADER.match(sealed)
    return found[1].decode() if found else None


def key_in_sql(column: str) -> str:
    """`key_of` a column, as a part of a statement; empty where that is None."""
    beginning = f"encode(substring({column} for {HEADER_BYTES}), 'escape')"
    return f"coalesce(substring({beginning} from '^key:([0-9a-f]{{{ID_CHARACTERS}}}):$'), '')"

"""Credentials at rest: AES-256-GCM, bound to the row they belong to."""

from __future__ import annotations

import json
import os
from typing import Any

NONCE_BYTES = 12


def seal(key: bytes, secrets: dict[str, Any], *, context: str) -> bytes:
    """Encrypt `secrets`.

    Args:
        key: 32 bytes.
        context: names the owner, e.g. `tenant/account`; ciphertext copied to another row can't be opened there.
    """
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, json.dumps(secrets).encode(), context.encode())


def unseal(key: bytes, sealed: bytes, *, context: str) -> dict[str, Any]:
    """Decrypt what `seal` made. Raises `cryptography.exceptions.InvalidTag` when key, context or bytes differ."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    opened: dict[str, Any] = json.loads(
        AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context.encode())
    )
    return opened

"""What providers' calls for an account are known by: digests, so that who takes the calls holds nobody's secret.

No provider that calls us signs what it sends: each proves itself by a text that is the same with every call. So a
digest of that text tells a true call from a forged one, and whoever reads all digests can call for nobody and open
nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.providers import ProviderAccount, webhook_proof
from shared.tenants.webhook_store import forget_digest, save_digest

if TYPE_CHECKING:
    from shared.platform.database import Connection

WEBHOOK_SECRET = "webhook_secret"  # noqa: S105 - its name


def digest_of(tenant: str, account: str, proof: str) -> bytes:
    """What is kept of a proof. It is another one for each account, so that equal secrets don't look equal.

    A plain digest, for secrets are long and random: docs/deploy.md has people make them so.
    """
    return hashlib.sha256("\0".join(("allim webhook", tenant, account, proof)).encode()).digest()


async def let_provider_call(connection: Connection, account: ProviderAccount) -> None:
    """Take calls for an account from now on that know its secret; none, where it has no secret.

    Args:
        connection: in a transaction of the database's owner, in which the account is there.
        account: with its secrets in the open.
    """
    digest = digest_for(account.tenant, account.id, account.provider, account.secrets)
    if digest is not None:
        await save_digest(connection, account.tenant, account.id, account.provider, digest)
    else:
        await forget_digest(connection, account.tenant, account.id)


def digest_for(tenant: str, account: str, provider: str, secrets: Mapping[str, str]) -> bytes | None:
    """What calls for an account with those secrets are known by; None where nobody may call."""
    secret = secrets.get(WEBHOOK_SECRET)
    proof = webhook_proof(provider, secret) if secret else None
    return digest_of(tenant, account, proof) if proof else None

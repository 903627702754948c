"""Tenants' provider accounts, with their credentials opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cryptography.exceptions import InvalidTag

from shared.messages.definition_reads import provider_accounts
from shared.platform.crypto import unseal
from shared.platform.database import Connection
from shared.platform.logs import log
from shared.platform.revisions import RevisionCache
from shared.providers import ProviderAccount

Accounts = Mapping[str, ProviderAccount]
"""A tenant's accounts by id."""


async def load_accounts(connection: Connection, tenants: Sequence[str], key: bytes) -> Mapping[str, Accounts]:
    """The accounts of some tenants; `key` opens their credentials.

    An account that it does not open is left out: batches mix tenants, and one tenant's must not stop the others'.
    """
    loaded: dict[str, dict[str, ProviderAccount]] = {tenant: {} for tenant in tenants}
    for row in await provider_accounts(connection, tenants):
        try:
            secrets = unseal(key, row["credentials"], context=f"{row['tenant']}/{row['id']}")
        except InvalidTag:
            fields = {"tenant": row["tenant"], "account": row["id"]}
            log("accounts").error("credentials were sealed with another key", extra={"fields": fields})
            continue
        loaded[row["tenant"]][row["id"]] = ProviderAccount(
            tenant=row["tenant"],
            id=row["id"],
            provider=row["provider"],
            sender=row["sender"],
            kakao_channel=row["kakao_channel"],
            secrets=secrets,
        )
    return loaded


def account_cache(key: bytes) -> RevisionCache[Accounts]:
    """Accounts, remembered for as long as nothing about their tenant changes."""
    return RevisionCache(lambda connection, tenants: load_accounts(connection, tenants, key))

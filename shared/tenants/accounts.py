"""Tenants' provider accounts, with their credentials opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cryptography.exceptions import InvalidTag

from shared.platform.crypto import seal, unseal
from shared.platform.database import Connection
from shared.platform.database.revisions import RevisionCache
from shared.platform.logs import log
from shared.providers import ProviderAccount
from shared.tenants.store import provider_accounts, save_account

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


async def register_account(connection: Connection, key: bytes, account: ProviderAccount) -> bool:
    """Save a provider account, unless all of it is kept already.

    Args:
        connection: in a transaction of the database's owner.
        key: 32 bytes that seal the secrets, which are bound to the account's tenant and id.
        account: with its secrets in the open.

    Returns:
        Whether anything was written.
    """
    context = f"{account.tenant}/{account.id}"
    for row in await provider_accounts(connection, [account.tenant]):
        if row["id"] != account.id:
            continue
        try:
            secrets = unseal(key, row["credentials"], context=context)
        except InvalidTag:
            break  # sealed with a key that is gone: nobody can use it, so it is replaced
        kept = ProviderAccount(
            row["tenant"], row["id"], row["provider"], row["sender"], row["kakao_channel"], secrets=secrets
        )
        if kept == account:
            return False
    await save_account(connection, account, seal(key, dict(account.secrets), context=context))
    return True

"""Provider accounts are kept with their secrets sealed; sealing twice never gives the same bytes."""

from __future__ import annotations

from cryptography.exceptions import InvalidTag

from shared.messages.definition_reads import provider_accounts
from shared.messages.definition_store import save_account
from shared.platform.crypto import seal, unseal
from shared.platform.database import Connection
from shared.providers import ProviderAccount


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

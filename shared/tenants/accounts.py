"""Tenants' provider accounts: kept with their credentials sealed, handed out with them opened."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from shared.platform.crypto import Keys, SealError
from shared.platform.database import Connection
from shared.platform.database.revisions import RevisionCache
from shared.platform.logs import log
from shared.providers import ProviderAccount
from shared.tenants.store import SealedAccount, provider_accounts, save_account, send_by

Accounts = Mapping[str, ProviderAccount]
"""A tenant's accounts by id."""


async def load_accounts(connection: Connection, tenants: Sequence[str], keys: Keys) -> Mapping[str, Accounts]:
    """The accounts of some tenants; `keys` open their credentials.

    An account that they do not open is left out: batches mix tenants, and one tenant's must not stop the others'.
    """
    loaded: dict[str, dict[str, ProviderAccount]] = {tenant: {} for tenant in tenants}
    for sealed in await provider_accounts(connection, tenants):
        try:
            loaded[sealed.tenant][sealed.id] = _opened(sealed, keys)
        except SealError as error:
            fields = {"tenant": sealed.tenant, "account": sealed.id}
            log("accounts").error("credentials can't be opened: %s", error, extra={"fields": fields})
    return loaded


def account_cache(keys: Keys) -> RevisionCache[Accounts]:
    """Accounts, remembered for as long as nothing about their tenant changes."""
    return RevisionCache(lambda connection, tenants: load_accounts(connection, tenants, keys))


async def register_account(connection: Connection, keys: Keys, account: ProviderAccount, *, now: dt.datetime) -> bool:
    """Save the provider account that a tenant sends by from now on.

    What is kept already is not written again: sealing twice never gives the same bytes. Accounts that it had before
    stay, so that what was sent by them is followed to its end.

    Args:
        connection: in a transaction of the database's owner.
        keys: seal the secrets, which are bound to the account's tenant and id.
        account: with its secrets in the open.
        now: the moment.

    Returns:
        Whether anything was written.
    """
    kept = await _is_kept(connection, keys, account)
    if not kept:
        credentials = keys.seal(dict(account.secrets), context=context_of(account.tenant, account.id))
        await save_account(connection, account, credentials, now=now)
    return await send_by(connection, account.tenant, account.id) or not kept


async def _is_kept(connection: Connection, keys: Keys, account: ProviderAccount) -> bool:
    for sealed in await provider_accounts(connection, [account.tenant]):
        if sealed.id == account.id:
            try:
                return _opened(sealed, keys) == account
            except SealError:
                return False  # nobody can use it, so it is replaced
    return False


def _opened(sealed: SealedAccount, keys: Keys) -> ProviderAccount:
    """Raises SealError."""
    return ProviderAccount(
        tenant=sealed.tenant,
        id=sealed.id,
        provider=sealed.provider,
        sender=sealed.sender,
        kakao_channel=sealed.kakao_channel,
        secrets=keys.unseal(sealed.credentials, context=context_of(sealed.tenant, sealed.id)),
    )


def context_of(tenant: str, account: str) -> str:
    """What an account's credentials are bound to."""
    return f"{tenant}/{account}"

"""Tenants' provider accounts: kept with their credentials sealed, handed out with them opened."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence

import orjson
from cryptography.exceptions import InvalidTag

from shared.platform.crypto import seal, unseal
from shared.platform.database import Connection
from shared.platform.database.revisions import RevisionCache
from shared.platform.logs import log
from shared.providers import ProviderAccount
from shared.tenants.store import SealedAccount, provider_accounts, save_account, send_by

WEBHOOK_SECRET = "webhook_secret"  # noqa: S105 - its name
Accounts = Mapping[str, ProviderAccount]
"""A tenant's accounts by id."""


async def load_accounts(connection: Connection, tenants: Sequence[str], key: bytes) -> Mapping[str, Accounts]:
    """The accounts of some tenants; `key` opens their credentials.

    An account that it does not open is left out: batches mix tenants, and one tenant's must not stop the others'.
    """
    loaded: dict[str, dict[str, ProviderAccount]] = {tenant: {} for tenant in tenants}
    for sealed in await provider_accounts(connection, tenants):
        try:
            loaded[sealed.tenant][sealed.id] = _opened(sealed, key)
        except InvalidTag:
            fields = {"tenant": sealed.tenant, "account": sealed.id}
            log("accounts").error("credentials were sealed with another key", extra={"fields": fields})
    return loaded


def account_cache(key: bytes) -> RevisionCache[Accounts]:
    """Accounts, remembered for as long as nothing about their tenant changes."""
    return RevisionCache(lambda connection, tenants: load_accounts(connection, tenants, key))


async def register_account(connection: Connection, key: bytes, account: ProviderAccount, *, now: dt.datetime) -> bool:
    """Save the provider account that a tenant sends by from now on.

    What is kept already is not written again: sealing twice never gives the same bytes. Accounts that it had before
    stay, so that what was sent by them is followed to its end.

    Args:
        connection: in a transaction of the database's owner.
        key: 32 bytes that seal the secrets, which are bound to the account's tenant and id.
        account: with its secrets in the open.
        now: the moment.

    Returns:
        Whether anything was written.
    """
    kept = await _is_kept(connection, key, account)
    if not kept:
        credentials = seal(key, dict(account.secrets), context=_context(account.tenant, account.id))
        await save_account(connection, account, credentials, identity_of(account), now=now)
    return await send_by(connection, account.tenant, account.id) or not kept


def identity_of(account: ProviderAccount) -> str:
    """Which account at the provider it is: the same for two tenants' accounts that the same credentials open.

    Who holds them may do there whatever the others may. What a provider calls us by is no part of it: each tenant
    chooses that. Keys are long and random, so a plain digest gives none away.
    """
    opens = {name: secret for name, secret in account.secrets.items() if name != WEBHOOK_SECRET}
    whole = orjson.dumps([account.provider, opens], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(whole).hexdigest()


async def _is_kept(connection: Connection, key: bytes, account: ProviderAccount) -> bool:
    for sealed in await provider_accounts(connection, [account.tenant]):
        if sealed.id == account.id:
            try:
                return _opened(sealed, key) == account and sealed.identity == identity_of(account)
            except InvalidTag:
                return False  # sealed with a key that is gone: nobody can use it, so it is replaced
    return False


def _opened(sealed: SealedAccount, key: bytes) -> ProviderAccount:
    """Raises InvalidTag."""
    return ProviderAccount(
        tenant=sealed.tenant,
        id=sealed.id,
        provider=sealed.provider,
        sender=sealed.sender,
        kakao_channel=sealed.kakao_channel,
        secrets=unseal(key, sealed.credentials, context=_context(sealed.tenant, sealed.id)),
    )


def _context(tenant: str, account: str) -> str:
    return f"{tenant}/{account}"

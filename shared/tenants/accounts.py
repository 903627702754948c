"""Tenants' provider accounts: kept with their credentials sealed, handed out with them opened."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from cryptography.exceptions import InvalidTag

from shared.platform.crypto import seal, unseal
from shared.platform.database import Connection
from shared.platform.database.revisions import RevisionCache
from shared.platform.errors import AllimError
from shared.platform.logs import log
from shared.providers import ProviderAccount
from shared.tenants.store import SealedAccount, has_undecided, provider_accounts, save_account, send_by

Accounts = Mapping[str, ProviderAccount]
"""A tenant's accounts by id."""

IDENTITY = "api_key"
"""The secret that says to a provider who is calling."""

UNOPENED = (InvalidTag, ValueError)
"""Sealed with another key or for another row; or cut off, so that it is no sealed value at all."""


class AccountBusy(AllimError):  # noqa: N818 - it names what was found
    """Under an account that is to become another one something is still being sent."""

    default_status = 409


async def load_accounts(connection: Connection, tenants: Sequence[str], key: bytes) -> Mapping[str, Accounts]:
    """The accounts of some tenants; `key` opens their credentials.

    An account that it does not open is left out: batches mix tenants, and one tenant's must not stop the others'.
    """
    loaded: dict[str, dict[str, ProviderAccount]] = {tenant: {} for tenant in tenants}
    for sealed in await provider_accounts(connection, tenants):
        try:
            loaded[sealed.tenant][sealed.id] = _opened(sealed, key)
        except UNOPENED:
            fields = {"tenant": sealed.tenant, "account": sealed.id}
            log("accounts").error("credentials can't be opened", extra={"fields": fields})
    return loaded


def account_cache(key: bytes) -> RevisionCache[Accounts]:
    """Accounts, remembered for as long as nothing about their tenant changes."""
    return RevisionCache(lambda connection, tenants: load_accounts(connection, tenants, key))


async def register_account(connection: Connection, key: bytes, account: ProviderAccount, *, now: dt.datetime) -> bool:
    """Save the provider account that a tenant sends by from now on.

    What is kept already is not written again: sealing twice never gives the same bytes. Accounts that it had before
    stay, so that what was sent by them is followed to its end.

    Args:
        connection: in a transaction of the database's owner that holds the tenant's row (`save_tenant` does).
        key: 32 bytes that seal the secrets, which are bound to the account's tenant and id.
        account: with its secrets in the open.
        now: the moment.

    Returns:
        Whether anything was written.

    Raises:
        AccountBusy: the provider would see another caller under the same id, while something begun by the first one is
            undecided. The other one does not know that batch, which would look as if it had never been sent.
    """
    sealed = [each for each in await provider_accounts(connection, [account.tenant]) if each.id == account.id]
    kept = _opened_or_none(sealed[0], key) if sealed else None
    if kept != account:
        if kept and _identity(kept) != _identity(account) and await has_undecided(connection, kept.tenant, kept.id):
            raise AccountBusy(
                "account_busy",
                f"messages are being sent by the account {account.id!r} just now, and it is to get another provider or "
                "key; try again in some minutes, or give the new account an id of its own",
                f"'{account.id}' 계정으로 보내는 중인 메시지가 있어 발송사나 API 키를 바꿀 수 없습니다. "
                "몇 분 뒤에 다시 시도하거나 새 계정에 다른 id를 주세요.",
                field="account",
            )
        credentials = seal(key, dict(account.secrets), context=_context(account.tenant, account.id))
        await save_account(connection, account, credentials, now=now)
    return await send_by(connection, account.tenant, account.id) or kept != account


def _identity(account: ProviderAccount) -> tuple[str, str | None]:
    return account.provider, account.secrets.get(IDENTITY)


def _opened_or_none(sealed: SealedAccount, key: bytes) -> ProviderAccount | None:
    """None for what nobody can use any more, so that it may be replaced."""
    try:
        return _opened(sealed, key)
    except UNOPENED:
        return None


def _opened(sealed: SealedAccount, key: bytes) -> ProviderAccount:
    """Raises one of `UNOPENED`."""
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

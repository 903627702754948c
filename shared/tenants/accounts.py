"""Tenants' provider accounts: kept with their credentials sealed, handed out with them opened."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence

import orjson

from shared.law.senders import LEGS_FROM_A_NUMBER
from shared.platform.crypto import Keys, SealError
from shared.platform.database import Connection, Database
from shared.platform.database.revisions import RevisionCache
from shared.platform.errors import AllimError
from shared.platform.logs import log
from shared.providers import OF_KAKAO, ProviderAccount, legs_carried, legs_of
from shared.tenants.senders.store import WITH_ACCOUNT, register_number
from shared.tenants.store import SealedAccount, fill_in_carried, has_undecided, provider_accounts, save_account
from shared.tenants.terms import Terms, carried
from shared.tenants.webhook_store import Unfilled, fill, unfilled
from shared.tenants.webhooks import WEBHOOK_SECRET, digest_for, let_provider_call

DIGESTS_A_BATCH = 100
"""Accounts a transaction, whose rows are locked for as long."""

ALL_OF_IT = Terms()

CARRIED_AT_FIRST: Mapping[str, Sequence[str]] = {"sens": ("sms",)}
"""Of providers where that depends on what opens an account: what those are for that were registered before it did."""

Accounts = Mapping[str, ProviderAccount]
"""A tenant's accounts by id."""


class AccountBusy(AllimError):  # noqa: N818 - it names what was found
    """Under an account that is to become another one something is still being sent."""

    default_status = 409


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


async def register_account(
    connection: Connection, keys: Keys, account: ProviderAccount, terms: Terms = ALL_OF_IT, *, now: dt.datetime
) -> bool:
    """Save a provider account that a tenant sends by from now on, beside the others that it sends by.

    What is kept already is not written again: sealing twice never gives the same bytes. Where it is for texts, its
    sender is registered with it: the provider has verified that.

    Args:
        connection: in a transaction of the database's owner that holds the tenant's row (`save_tenant` does).
        keys: seal the secrets, which are bound to the account's tenant and id.
        account: with its secrets in the open.
        terms: of its use.
        now: the moment.

    Returns:
        Whether anything was written.

    Raises:
        TermsError: it can't have them.
        AccountBusy: the provider would see another caller under the same id, while something begun by the first one is
            undecided. The other one does not know that batch, which would look as if it had never been sent.
    """
    wanted = carried(account.provider, terms)
    carries = [leg for leg in legs_of(account) if leg in wanted]
    sealed = [each for each in await provider_accounts(connection, [account.tenant]) if each.id == account.id]
    kept = _opened_or_none(sealed[0], keys) if sealed else None
    is_kept = (
        kept == account
        and sealed[0].owner == account.tenant
        and sealed[0].active
        and (sealed[0].identity, sealed[0].carries, _terms(sealed[0])) == (identity_of(account), carries, terms)
    )
    if not is_kept:
        if kept and identity_of(kept) != identity_of(account) and await has_undecided(connection, kept.tenant, kept.id):
            raise AccountBusy(
                "account_busy",
                f"messages are being sent by the account {account.id!r} just now, and it is to get another provider or "
                "key; try again in some minutes, or give the new account an id of its own",
                f"'{account.id}' 계정으로 보내는 중인 메시지가 있어 발송사나 API 키를 바꿀 수 없습니다. "
                "몇 분 뒤에 다시 시도하거나 새 계정에 다른 id를 주세요.",
                field="account",
            )
        credentials = keys.seal(dict(account.secrets), context=context_of(account.tenant, account.id))
        await save_account(
            connection, account, terms, credentials, identity=identity_of(account), carries=carries, now=now
        )
    if not set(carries).isdisjoint(LEGS_FROM_A_NUMBER):
        is_kept &= not await register_number(connection, account.tenant, account.sender, how=WITH_ACCOUNT, now=now)
    await let_provider_call(connection, account)
    return not is_kept


def _terms(sealed: SealedAccount) -> Terms:
    channels = None if sealed.channels is None else tuple(sealed.channels)
    return Terms(channels, sealed.weight, sealed.certificate_number, sealed.certificate_until)


async def fill_in_channels(database: Database) -> int:
    """Say of accounts that are for all that their provider carries what that is: an older release knew less of it, or
    nothing. Safe at any time. `database`: its owner's. Gives of how many that was something else."""
    async with database.transaction() as connection:
        carried = {name: legs for name, legs in legs_carried().items() if name not in CARRIED_AT_FIRST}
        return await fill_in_carried(connection, carried, at_first=CARRIED_AT_FIRST, of_kakao=OF_KAKAO)


async def fill_in_digests(database: Database, keys: Keys) -> int:
    """Give the accounts from before there were digests theirs. Safe at any time, and to be begun again.

    Args:
        database: its owner's.
        keys: open what the secrets are sealed in.

    Returns:
        How many accounts none of the keys opens: they take no calls until they are registered again.
    """
    last, left = None, 0
    while True:
        async with database.transaction() as connection:
            found = await unfilled(connection, last, DIGESTS_A_BATCH)
            if not found:
                return left
            digests: list[tuple[Unfilled, bytes | None]] = []
            for each in found:
                try:
                    secrets = keys.unseal(each.credentials, context=context_of(each.tenant, each.account))
                except SealError:
                    left += 1
                    continue
                digests.append((each, digest_for(each.tenant, each.account, each.provider, secrets)))
            await fill(connection, digests)
        last = found[-1]


def identity_of(account: ProviderAccount) -> str:
    """Which account at the provider it is: the same for two tenants' accounts that the same credentials open.

    Who holds them may do there whatever the others may. What a provider calls us by is no part of it: each tenant
    chooses that. Keys are long and random, so a plain digest gives none away. Of what nothing opens each tenant has its
    own.
    """
    opens = {name: secret for name, secret in account.secrets.items() if name != WEBHOOK_SECRET}
    whole = orjson.dumps([account.provider, opens or account.tenant], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(whole).hexdigest()


def _opened_or_none(sealed: SealedAccount, keys: Keys) -> ProviderAccount | None:
    """None for what nobody can use any more, so that it may be replaced."""
    try:
        return _opened(sealed, keys)
    except SealError:
        return None


def _opened(sealed: SealedAccount, keys: Keys) -> ProviderAccount:
    """Raises SealError."""
    return ProviderAccount(
        tenant=sealed.tenant,
        id=sealed.id,
        provider=sealed.provider,
        sender=sealed.sender,
        kakao_channel=sealed.kakao_channel,
        secrets=keys.unseal(sealed.credentials, context=context_of(sealed.owner, sealed.own_id)),
    )


def context_of(tenant: str, account: str) -> str:
    """What an account's credentials are bound to."""
    return f"{tenant}/{account}"

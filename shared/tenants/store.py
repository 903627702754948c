"""SQL of tenants and their provider accounts. One function a statement; nothing here decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from shared.platform.database import Connection, fetch_all
from shared.providers import ProviderAccount

SAVE_TENANT = """
insert into tenants (id, name, created_at) values (%(id)s, %(name)s, %(now)s)
on conflict (id) do update set name = excluded.name
"""


async def save_tenant(connection: Connection, tenant: str, name: str, *, now: dt.datetime) -> None:
    """Add a tenant, or rename it.

    Its row stays locked until the transaction ends, so that two who save definitions at once follow one another.

    Args:
        connection: in a transaction of the database's owner; other roles may not add tenants.
        tenant: its id.
        name: what people call it.
        now: the moment, from which its free plan counts.
    """
    await connection.execute(SAVE_TENANT, {"id": tenant, "name": name, "now": now})


SAVE_ACCOUNT = """
insert into provider_accounts (tenant, id, provider, sender, kakao_channel, credentials, identity, created_at)
values (%(tenant)s, %(id)s, %(provider)s, %(sender)s, %(kakao_channel)s, %(credentials)s, %(identity)s, %(now)s)
on conflict (tenant, id) do update
set provider = excluded.provider, sender = excluded.sender, kakao_channel = excluded.kakao_channel,
    credentials = excluded.credentials, identity = excluded.identity
"""


async def save_account(
    connection: Connection, account: ProviderAccount, credentials: bytes, identity: str, *, now: dt.datetime
) -> None:
    """Add a provider account, or replace what is known of it. `shared.tenants.accounts` seals and compares.

    Args:
        connection: of the database's owner.
        account: its `secrets` are not looked at.
        credentials: the sealed secrets.
        identity: which account at the provider it is; the same for every tenant that sends by it.
        now: the moment.
    """
    await connection.execute(
        SAVE_ACCOUNT,
        {
            "tenant": account.tenant,
            "id": account.id,
            "provider": account.provider,
            "sender": account.sender,
            "kakao_channel": account.kakao_channel,
            "credentials": credentials,
            "identity": identity,
            "now": now,
        },
    )


SEND_BY = """
update provider_accounts set active = id = %(id)s where tenant = %(tenant)s and active is distinct from (id = %(id)s)
"""


async def send_by(connection: Connection, tenant: str, account: str) -> bool:
    """Let a tenant send by one account, and by no other.

    Args:
        connection: of the database's owner.
        tenant: whose.
        account: its id. What was sent by the others is still followed: their reports are taken.

    Returns:
        Whether that changed anything.
    """
    return (await connection.execute(SEND_BY, {"tenant": tenant, "id": account})).rowcount > 0


@dataclass(frozen=True, slots=True)
class SealedAccount:
    """A provider account as it is kept: `credentials` are sealed, and bound to `tenant` and `id`. `identity` is None
    where the account was registered before there was one."""

    tenant: str
    id: str
    provider: str
    sender: str
    kakao_channel: str | None
    credentials: bytes
    identity: str | None


ACCOUNTS = """
select tenant, id, provider, sender, kakao_channel, credentials, identity from provider_accounts
where tenant = any(%(tenants)s)
"""


async def provider_accounts(connection: Connection, tenants: Sequence[str]) -> list[SealedAccount]:
    """The provider accounts of some tenants."""
    return [SealedAccount(**row) for row in await fetch_all(connection, ACCOUNTS, {"tenants": list(tenants)})]


def sending_account(tenant: str) -> str:
    """The account that a tenant sends by, as a part of another statement: of its active ones, the one it had first.

    Args:
        tenant: how that statement names the tenant.

    Returns:
        A query of id, provider, sender and kakao_channel: one row, or none where no account is active.
    """
    return f"""
    select id, provider, sender, kakao_channel from provider_accounts
    where tenant = {tenant} and active order by created_at, id limit 1"""


TENANT_EXISTS = "select id from tenants where id = %(tenant)s"


async def tenant_exists(connection: Connection, tenant: str) -> bool:
    """Whether there is a tenant of that id, as far as the role may see."""
    return bool(await fetch_all(connection, TENANT_EXISTS, {"tenant": tenant}))

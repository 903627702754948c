"""SQL of what a tenant sets up before it sends: itself, its provider accounts, its templates.

One function a statement. Saving what is already so changes nothing, and no tenant's revision grows by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shared.platform.database import Connection, fetch_all
from shared.providers import ProviderAccount

SAVE_TENANT = """
insert into tenants (id, name) values (%(id)s, %(name)s)
on conflict (id) do update set name = excluded.name
"""


async def save_tenant(connection: Connection, tenant: str, name: str) -> None:
    """Add a tenant, or rename it.

    Its row stays locked until the transaction ends, so that two who save definitions at once follow one another.

    Args:
        connection: in a transaction of the database's owner; other roles may not add tenants.
        tenant: its id.
        name: what people call it.
    """
    await connection.execute(SAVE_TENANT, {"id": tenant, "name": name})


SAVE_ACCOUNT = """
insert into provider_accounts (tenant, id, provider, sender, kakao_channel, credentials)
values (%(tenant)s, %(id)s, %(provider)s, %(sender)s, %(kakao_channel)s, %(credentials)s)
on conflict (tenant, id) do update
set provider = excluded.provider, sender = excluded.sender, kakao_channel = excluded.kakao_channel,
    credentials = excluded.credentials
"""


async def save_account(connection: Connection, account: ProviderAccount, credentials: bytes) -> None:
    """Add a provider account, or replace what is known of it. `shared.tenants.accounts` seals and compares.

    Args:
        connection: of the database's owner.
        account: its `secrets` are not looked at.
        credentials: the sealed secrets.

    Raises:
        psycopg.errors.UniqueViolation: another account of the tenant is active.
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
        },
    )


ACCOUNTS = """
select tenant, id, provider, sender, kakao_channel, credentials from provider_accounts where tenant = any(%(tenants)s)
"""


async def provider_accounts(connection: Connection, tenants: Sequence[str]) -> list[dict[str, Any]]:
    """The provider accounts of some tenants, credentials sealed."""
    return await fetch_all(connection, ACCOUNTS, {"tenants": list(tenants)})

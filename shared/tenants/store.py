"""SQL of tenants and their provider accounts. One function a statement; nothing here decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

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
insert into provider_accounts (
  tenant, id, provider, sender, kakao_channel, credentials, identity, created_at, messages_per_second, burst
)
select %(tenant)s, %(id)s, %(provider)s, %(sender)s, %(kakao_channel)s, %(credentials)s, %(identity)s, %(now)s,
  known.messages_per_second, known.burst
from (select) this
left join (
  select messages_per_second, burst from provider_accounts
  where identity = %(identity)s and messages_per_second is not null limit 1
) known on true
on conflict (tenant, id) do update
set provider = excluded.provider, sender = excluded.sender, kakao_channel = excluded.kakao_channel,
    credentials = excluded.credentials, identity = excluded.identity,
    messages_per_second = coalesce(excluded.messages_per_second, provider_accounts.messages_per_second),
    burst = coalesce(excluded.burst, provider_accounts.burst)
"""


async def save_account(
    connection: Connection, account: ProviderAccount, credentials: bytes, identity: str, *, now: dt.datetime
) -> None:
    """Add a provider account, or replace what is known of it. `shared.tenants.accounts` seals and compares.

    How fast it is used stays, and is that of the other tenants that send by the very same account at the provider.

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


def bucket_of(account: str) -> str:
    """Whose messages count together against an account's rate, as a part of another statement: those of all tenants
    that send by the very same account at the provider.

    Args:
        account: how that statement names the row of `provider_accounts`.
    """
    return f"coalesce({account}.identity, {account}.tenant || '/' || {account}.id)"


SET_RATE = f"""
update provider_accounts a set messages_per_second = %(messages_per_second)s, burst = %(burst)s
where {bucket_of("a")} = (
  select {bucket_of("b")} from provider_accounts b where b.tenant = %(tenant)s and b.id = %(account)s
)
returning a.tenant
"""


async def set_rate(
    connection: Connection, tenant: str, account: str, messages_per_second: int | None, burst: int | None
) -> list[str]:
    """Say how fast an account at a provider is used, by whoever sends by it.

    Args:
        connection: of the database's owner.
        tenant, account: one of those that have it.
        messages_per_second: None for as fast as can be.
        burst: messages at once after a rest; None with the other one.

    Returns:
        The tenants that send by it; none where there is no such account.
    """
    parameters = {"tenant": tenant, "account": account, "messages_per_second": messages_per_second, "burst": burst}
    return sorted(row["tenant"] for row in await fetch_all(connection, SET_RATE, parameters))


class SealedAccount(NamedTuple):
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


def sending_account(tenant: str, *also: str) -> str:
    """The account that a tenant sends by, as a part of another statement: of its active ones, the one it had first.

    Args:
        tenant: how that statement names the tenant.
        also: more columns of it, which not every role may read.

    Returns:
        A query of id, provider, sender, kakao_channel and those: one row, or none where no account is active.
    """
    return f"""
    select {", ".join(("id", "provider", "sender", "kakao_channel", *also))} from provider_accounts
    where tenant = {tenant} and active order by created_at, id limit 1"""


UNDECIDED = """
select exists (
  select from dispatches where tenant = %(tenant)s and account = %(account)s and state in ('open', 'prepared')
) as undecided
"""


async def has_undecided(connection: Connection, tenant: str, account: str) -> bool:
    """Whether something was begun by an account of which only its provider knows whether it was sent."""
    return bool((await fetch_all(connection, UNDECIDED, {"tenant": tenant, "account": account}))[0]["undecided"])


TENANT_EXISTS = "select id from tenants where id = %(tenant)s"


async def tenant_exists(connection: Connection, tenant: str) -> bool:
    """Whether there is a tenant of that id, as far as the role may see."""
    return bool(await fetch_all(connection, TENANT_EXISTS, {"tenant": tenant}))


MARK_SUSPENDED = """
with changed as (
  update tenants set suspended_at = %(now)s where id = %(tenant)s and suspended_at is null returning id
)
insert into tenant_history (tenant, id, what, done_by, why, created_at)
select id, %(entry)s, 'suspended', %(by)s, %(why)s, %(now)s from changed
"""


async def mark_suspended(
    connection: Connection, tenant: str, *, entry: UUID, why: str, by: str, now: dt.datetime
) -> bool:
    """Write down that a tenant is suspended. False: there is none, or it is already.

    Args:
        connection: of the database's owner.
        tenant: its id.
        entry: the id of the line in its history.
        why, by: for people.
        now: the moment.
    """
    parameters = {"tenant": tenant, "entry": entry, "why": why, "by": by, "now": now}
    return (await connection.execute(MARK_SUSPENDED, parameters)).rowcount > 0


MARK_RESUMED = """
with changed as (
  update tenants set suspended_at = null where id = %(tenant)s and suspended_at is not null returning id
)
insert into tenant_history (tenant, id, what, done_by, created_at)
select id, %(entry)s, 'resumed', %(by)s, %(now)s from changed
"""


async def mark_resumed(connection: Connection, tenant: str, *, entry: UUID, by: str, now: dt.datetime) -> bool:
    """Write down that a tenant may send again. False: there is none, or it may already. Arguments as above."""
    parameters = {"tenant": tenant, "entry": entry, "by": by, "now": now}
    return (await connection.execute(MARK_RESUMED, parameters)).rowcount > 0


NOTE = """
insert into tenant_history (tenant, id, what, done_by, why, created_at)
values (%(tenant)s, %(entry)s, %(what)s, %(by)s, %(why)s, %(now)s)
"""


async def note_in_history(
    connection: Connection, tenant: str, *, entry: UUID, what: str, why: str, by: str, now: dt.datetime
) -> None:
    """Write down what else was decided of a tenant. `what`: `life_set` or `life_unset`. Arguments as above."""
    parameters = {"tenant": tenant, "entry": entry, "what": what, "why": why, "by": by, "now": now}
    await connection.execute(NOTE, parameters)


IDS = "select id from tenants order by id"


async def tenant_ids(connection: Connection) -> list[str]:
    """The ids of all tenants that the role may see."""
    return [row["id"] for row in await fetch_all(connection, IDS, {})]


NAME = "select name from tenants where id = %(tenant)s"


async def name_of(connection: Connection, tenant: str) -> str | None:
    """What people call a tenant; None where there is none of that id."""
    rows = await fetch_all(connection, NAME, {"tenant": tenant})
    return str(rows[0]["name"]) if rows else None


SUSPENDED = "select id from tenants where id = %(tenant)s and suspended_at is not null"


async def is_suspended(connection: Connection, tenant: str) -> bool:
    """Whether a tenant may not send now."""
    return bool(await fetch_all(connection, SUSPENDED, {"tenant": tenant}))

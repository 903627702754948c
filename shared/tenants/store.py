"""SQL of tenants and their provider accounts. One function a statement; nothing here decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

import orjson

from shared.platform.database import Connection, fetch_all
from shared.providers import ProviderAccount
from shared.tenants.terms import Terms

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
with saved as (
  insert into provider_accounts (
    tenant, id, provider, sender, kakao_channel, credentials, identity, place, channels, carries, weight,
    certificate_number, certificate_until, active, created_at, messages_per_second, burst
  )
  select %(tenant)s, %(id)s, %(provider)s, %(sender)s, %(kakao_channel)s, %(credentials)s, %(identity)s,
    (select coalesce(max(place) + 1, 0) from provider_accounts where tenant = %(tenant)s), %(channels)s, %(carries)s,
    %(weight)s, %(certificate_number)s, %(certificate_until)s, true, %(now)s, known.messages_per_second, known.burst
  from (select) this
  left join (
    select messages_per_second, burst from provider_accounts
    where identity = %(identity)s and messages_per_second is not null limit 1
  ) known on true
  on conflict (tenant, id) do update
  set provider = excluded.provider, sender = excluded.sender, kakao_channel = excluded.kakao_channel,
      credentials = excluded.credentials, identity = excluded.identity, channels = excluded.channels,
      carries = excluded.carries, weight = excluded.weight, certificate_number = excluded.certificate_number,
      certificate_until = excluded.certificate_until, active = true, lent_by = null, lent_account = null,
      messages_per_second = coalesce(excluded.messages_per_second, provider_accounts.messages_per_second),
      burst = coalesce(excluded.burst, provider_accounts.burst)
  returning tenant, id, provider, identity, carries, certificate_number, certificate_until, messages_per_second, burst
)
-- Whom it is lent to sends by what it is now.
update provider_accounts l
set provider = s.provider, identity = s.identity, carries = s.carries, certificate_number = s.certificate_number,
    certificate_until = s.certificate_until, messages_per_second = s.messages_per_second, burst = s.burst
from saved s where l.lent_by = s.tenant and l.lent_account = s.id
"""


async def save_account(
    connection: Connection,
    account: ProviderAccount,
    terms: Terms,
    credentials: bytes,
    *,
    identity: str,
    carries: Sequence[str],
    now: dt.datetime,
) -> None:
    """Add a provider account, behind the others, or replace what is known of it; it is sent by from now on.

    `shared.tenants.accounts` seals and compares. How fast it is used stays, and is that of the other tenants that send
    by the very same account at the provider.

    Args:
        connection: of the database's owner.
        account: its `secrets` are not looked at.
        terms: of its use.
        credentials: the sealed secrets.
        identity: which account at the provider it is; the same for every tenant that sends by it.
        carries: the channels of routes that it carries on those terms.
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
            "channels": None if terms.channels is None else list(terms.channels),
            "carries": list(carries),
            "weight": terms.weight,
            "certificate_number": terms.certificate_number,
            "certificate_until": terms.certificate_until,
            "now": now,
        },
    )


SEND_BY = """
with listed as (select id, place - 1 as place from unnest(%(ids)s::text[]) with ordinality as l (id, place))
update provider_accounts a set active = l.id is not null, place = coalesce(l.place, a.place)
from provider_accounts b left join listed l using (id)
where b.tenant = %(tenant)s and b.lent_by is null and a.tenant = b.tenant and a.id = b.id
  and (a.active, a.place) is distinct from (l.id is not null, coalesce(l.place, a.place))
returning a.id
"""


async def send_by(connection: Connection, tenant: str, accounts: Sequence[str]) -> list[str]:
    """Let a tenant send by these accounts of its own and by no others of its own; the first is the default.

    Args:
        connection: of the database's owner.
        tenant: whose.
        accounts: their ids. What was sent by the others is still followed: their reports are taken.

    Returns:
        The accounts of which that changed anything.
    """
    parameters = {"tenant": tenant, "ids": list(accounts)}
    return sorted(row["id"] for row in await fetch_all(connection, SEND_BY, parameters))


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
    """A provider account as it is kept: `credentials` are sealed, and bound to the account that they are of, which is
    `owner`'s `own_id` where it is lent. `identity` is None where the account was registered before there was one."""

    tenant: str
    id: str
    provider: str
    sender: str
    kakao_channel: str | None
    credentials: bytes
    identity: str | None
    owner: str
    own_id: str
    channels: Sequence[str] | None
    carries: Sequence[str] | None
    weight: int
    certificate_number: str | None
    certificate_until: dt.date | None
    active: bool


ACCOUNTS = """
select a.tenant, a.id, a.provider, a.sender, a.kakao_channel, coalesce(a.credentials, o.credentials) as credentials,
  a.identity, coalesce(a.lent_by, a.tenant) as owner, coalesce(a.lent_account, a.id) as own_id, a.channels, a.carries,
  a.weight, a.certificate_number, a.certificate_until, a.active
from provider_accounts a left join provider_accounts o on o.tenant = a.lent_by and o.id = a.lent_account
where a.tenant = any(%(tenants)s)
"""


async def provider_accounts(connection: Connection, tenants: Sequence[str]) -> list[SealedAccount]:
    """The provider accounts of some tenants."""
    return [SealedAccount(**row) for row in await fetch_all(connection, ACCOUNTS, {"tenants": list(tenants)})]


def sending_account(tenant: str, *also: str) -> str:
    """The account that a tenant sends by unless told, as a part of another statement: the first of its active ones.

    Args:
        tenant: how that statement names the tenant.
        also: more columns of it, which not every role may read.

    Returns:
        A query of id, provider, sender, kakao_channel and those: one row, or none where no account is active.
    """
    return f"""
    select {", ".join(("id", "provider", "sender", "kakao_channel", *also))} from provider_accounts
    where tenant = {tenant} and active order by place, created_at, id limit 1"""


UNDECIDED = """
select exists (
  select from dispatches d
  where d.state in ('open', 'prepared') and (d.tenant, d.account) in (
    select %(tenant)s, %(account)s
    union all
    select tenant, id from provider_accounts where lent_by = %(tenant)s and lent_account = %(account)s
  )
) as undecided
"""


async def has_undecided(connection: Connection, tenant: str, account: str) -> bool:
    """Whether something was begun by an account, or by whom it is lent to, of which only its provider knows whether it
    was sent."""
    return bool((await fetch_all(connection, UNDECIDED, {"tenant": tenant, "account": account}))[0]["undecided"])


FILL_CARRIES = """
update provider_accounts a set carries = k.carries
from (
  select id, tenant, array(
    select leg from unnest(carried.carries) with ordinality as legs (leg, place)
    where p.kakao_channel is not null or leg <> all(%(of_kakao)s::text[]) order by place
  ) as carries
  from provider_accounts p
  join jsonb_to_recordset(%(carried)s::jsonb) as carried (provider text, carries text[], anew boolean)
    on carried.provider = p.provider and (p.carries is null or not carried.anew)
  where p.channels is null
) k
where a.tenant = k.tenant and a.id = k.id and a.carries is distinct from k.carries
"""


async def fill_in_carried(
    connection: Connection,
    carried: Mapping[str, Sequence[str]],
    *,
    at_first: Mapping[str, Sequence[str]],
    of_kakao: Sequence[str],
) -> int:
    """Say of accounts that are for all that their provider carries what that is. `connection`: of the owner.

    Args:
        connection: of the database's owner.
        carried: channels of routes, by provider.
        at_first: the same of providers where it depends on what opens an account: for those of which nothing is said.
        of_kakao: the channels that need a KakaoTalk channel of the account.

    Returns:
        Of how many that was something else.
    """
    known = [{"provider": name, "carries": legs, "anew": False} for name, legs in carried.items()]
    known += [{"provider": name, "carries": legs, "anew": True} for name, legs in at_first.items()]
    parameters = {"carried": orjson.dumps(known).decode(), "of_kakao": list(of_kakao)}
    return (await connection.execute(FILL_CARRIES, parameters)).rowcount


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

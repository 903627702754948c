"""SQL of accounts whose templates are looked at. One function a statement."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import NamedTuple

from shared.platform.database import Connection, fetch_all
from shared.platform.loops.sweeps import put_off

FIRST, LONGEST = dt.timedelta(minutes=1), dt.timedelta(hours=6)
"""How soon an account is due again that could not be looked at, and how late at most."""

# What is taken is put off in the same statement, for others take at the same time.
DECIDE_LOOKS = f"""
with ripe as (
  select l.tenant, l.account from template_looks l
  join provider_accounts a on a.tenant = l.tenant and a.id = l.account
  where l.look_at <= %(now)s and a.provider = any(%(providers)s::text[]) and l.tenant <> all(%(without)s::text[])
  order by l.look_at limit %(limit)s
),
new as (
  select a.tenant, a.id as account from provider_accounts a
  where a.kakao_channel is not null and a.provider = any(%(providers)s::text[])
    and a.tenant <> all(%(without)s::text[])
    and not exists (select from template_looks l where l.tenant = a.tenant and l.account = a.id)
  limit %(limit)s
),
due as (
  select tenant, account from ripe union all select tenant, account from new limit %(limit)s
),
taken as (
  insert into template_looks as l (tenant, account, look_at, tries)
  select tenant, account, %(now)s + %(first)s, 1 from due order by tenant, account
  on conflict (tenant, account) do update set look_at = {put_off("l.tries")}, tries = least(l.tries + 1, 100)
  where l.look_at <= %(now)s
  returning tenant, account, codes
)
select k.tenant, k.account, k.codes, t.revision from taken k join tenants t on t.id = k.tenant
"""


class DueLook(NamedTuple):
    """An account whose templates are to be looked at. `codes`: of ours, those that it had the last time; `revision`:
    the tenant's."""

    tenant: str
    account: str
    codes: Sequence[str]
    revision: int


async def decide_looks(
    connection: Connection,
    providers: Collection[str],
    *,
    now: dt.datetime,
    limit: int,
    without: Sequence[str] = (),
) -> list[DueLook]:
    """Accounts to look at now: those whose time has come, and those that nobody has looked at.

    Args:
        connection: in autocommit; the statement is the transaction.
        providers: those that have templates.
        now: the moment.
        limit: so many at most.
        without: tenants whose accounts are not looked at.
    """
    parameters = {
        "providers": sorted(providers),
        "now": now,
        "limit": limit,
        "without": list(without),
        "first": FIRST,
        "longest": LONGEST,
    }
    return [DueLook(**row) for row in await fetch_all(connection, DECIDE_LOOKS, parameters)]


MARK_LOOKED = """
update template_looks set look_at = %(look_at)s, tries = 0, codes = %(codes)s::text[]
where tenant = %(tenant)s and account = %(account)s
"""


async def mark_looked(
    connection: Connection, tenant: str, account: str, codes: Collection[str], look_at: dt.datetime
) -> None:
    """An account was looked at and has these of our codes; it is looked at again then."""
    parameters = {"tenant": tenant, "account": account, "codes": sorted(codes), "look_at": look_at}
    await connection.execute(MARK_LOOKED, parameters)


LOOK_SOON = """
update template_looks set look_at = %(look_at)s, tries = 0
where tenant = %(tenant)s and account = %(account)s and look_at > %(look_at)s
"""


async def look_soon(connection: Connection, tenant: str, account: str, look_at: dt.datetime) -> None:
    """An account is looked at by then. One at which nobody has looked yet is due anyway."""
    await connection.execute(LOOK_SOON, {"tenant": tenant, "account": account, "look_at": look_at})

"""SQL of accounts that are lent. One function a statement; nothing here decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

from shared.platform.database import Connection, fetch_all

LOCK_TENANTS = "select from tenants where id = any(%(tenants)s) order by id for no key update"


async def lock_tenants(connection: Connection, tenants: Sequence[str]) -> None:
    """Lock tenants, in the order in which all lock them."""
    await connection.execute(LOCK_TENANTS, {"tenants": list(tenants)})


class Lendable(NamedTuple):
    """An account that may be lent. `lent_by`: whose it is, where it is another's."""

    identity: str | None
    lent_by: str | None


LENT_OR_NOT = "select identity, lent_by from provider_accounts where tenant = %(tenant)s and id = %(id)s"


async def lent_or_not(connection: Connection, tenant: str, account: str) -> Lendable | None:
    """Whether an account is its tenant's own. None: there is no such account."""
    rows = await fetch_all(connection, LENT_OR_NOT, {"tenant": tenant, "id": account})
    return Lendable(**rows[0]) if rows else None


SAVE_LENT = """
with saved as (
  insert into provider_accounts as l (
    tenant, id, provider, sender, kakao_channel, identity, place, carries, weight, certificate_number,
    certificate_until, created_at, messages_per_second, burst, lent_by, lent_account
  )
  select %(to)s, %(id)s, o.provider, %(sender)s, %(kakao_channel)s, o.identity,
    (select coalesce(max(place) + 1, 0) from provider_accounts where tenant = %(to)s), o.carries, %(weight)s,
    o.certificate_number, o.certificate_until, %(now)s, o.messages_per_second, o.burst, o.tenant, o.id
  from provider_accounts o where o.tenant = %(owner)s and o.id = %(account)s
  on conflict (tenant, id) do update
  set sender = excluded.sender, kakao_channel = excluded.kakao_channel, weight = excluded.weight, active = true
  where l.lent_by = excluded.lent_by and l.lent_account = excluded.lent_account
    and (l.sender, l.kakao_channel, l.weight, l.active)
      is distinct from (excluded.sender, excluded.kakao_channel, excluded.weight, true)
  returning id
)
select exists (select from saved) as changed
where exists (select from saved) or exists (
  select from provider_accounts
  where tenant = %(to)s and id = %(id)s and lent_by = %(owner)s and lent_account = %(account)s
)
"""


async def save_lent(
    connection: Connection,
    owner: str,
    account: str,
    to: str,
    *,
    id_: str,
    sender: str,
    kakao_channel: str | None,
    weight: int,
    now: dt.datetime,
) -> bool | None:
    """Give a tenant another one's account, behind those that it has; it has the owner's credentials.

    Returns:
        Whether that changed anything; None: it has another account of that id.
    """
    parameters = {
        "owner": owner,
        "account": account,
        "to": to,
        "id": id_,
        "sender": sender,
        "kakao_channel": kakao_channel,
        "weight": weight,
        "now": now,
    }
    rows = await fetch_all(connection, SAVE_LENT, parameters)
    return bool(rows[0]["changed"]) if rows else None


STOP_LENDING = """
update provider_accounts set active = false
where tenant = %(to)s and lent_by = %(owner)s and lent_account = %(account)s and active returning id
"""


async def stop_lending(connection: Connection, owner: str, account: str, to: str) -> list[str]:
    """Let a tenant send no more by another one's account. Gives what it was called there."""
    parameters = {"owner": owner, "account": account, "to": to}
    return [row["id"] for row in await fetch_all(connection, STOP_LENDING, parameters)]


PAUSE = """
update provider_accounts set paused_at = %(now)s, paused_why = %(why)s
where tenant = %(tenant)s and id = %(id)s and paused_at is null returning id
"""


async def mark_paused(connection: Connection, tenant: str, account: str, *, why: str, now: dt.datetime) -> bool:
    """Send no more by an account. False: there is none, or it is paused already."""
    parameters = {"tenant": tenant, "id": account, "why": why, "now": now}
    return bool(await fetch_all(connection, PAUSE, parameters))


UNPAUSE = """
with changed as (
  update provider_accounts set paused_at = null, paused_why = null
  where tenant = %(tenant)s and id = %(id)s and paused_at is not null returning tenant, id
)
select tenant from changed
union
select l.tenant from provider_accounts l join changed c on l.lent_by = c.tenant and l.lent_account = c.id
"""


async def mark_unpaused(connection: Connection, tenant: str, account: str) -> list[str]:
    """Send by an account again. Gives the tenants that send by it; none: there is none, or it is not paused."""
    rows = await fetch_all(connection, UNPAUSE, {"tenant": tenant, "id": account})
    return sorted(row["tenant"] for row in rows)

"""SQL that reads what a tenant is and has, for whoever runs the platform. Nothing here writes or decides."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from shared.platform.database import Connection, fetch_all
from shared.tenants.store import sending_account


@dataclass(frozen=True, slots=True)
class Overview:
    """A tenant at a glance.

    suspended_at: since when it may not send; None while it may.
    available: won that it can spend. `plan`: its name.
    workflows: those that are active. `waiting`: messages that wait to be sent.
    account, provider, sender, kakao_channel: what it sends by unless told; None without an active account.
    messages_per_second, burst: how fast at most, and how many at once after a rest; None for as fast as can be.
    """

    id: str
    name: str
    created_at: dt.datetime
    suspended_at: dt.datetime | None
    plan: str | None
    available: Decimal | None
    workflows: int
    templates: int
    customers: int
    groups: int
    waiting: int
    account: str | None
    provider: str | None
    sender: str | None
    kakao_channel: str | None
    messages_per_second: int | None
    burst: int | None


OVERVIEWS = f"""
select t.id, t.name, t.created_at, t.suspended_at, p.plan::text as plan, c.balance - c.held as available,
  (select count(*) from workflows w where w.tenant = t.id and w.active) as workflows,
  (select count(*) from templates e where e.tenant = t.id) as templates,
  (select count(*) from customers u where u.tenant = t.id) as customers,
  (select count(*) from groups g where g.tenant = t.id) as groups,
  (
    select coalesce(sum(jsonb_array_length(o.body -> 'messages')), 0) from outbox o
    where o.tenant = t.id and o.body ? 'messages'
  )::int as waiting,
  a.id as account, a.provider, a.sender, a.kakao_channel, a.messages_per_second, a.burst
from tenants t
left join tenant_plans p on p.tenant = t.id
left join credit_accounts c on c.tenant = t.id
left join lateral ({sending_account("t.id", "messages_per_second", "burst")}) a on true
where %(tenant)s::text is null or t.id = %(tenant)s
order by t.id
"""


async def read_overviews(connection: Connection, tenant: str | None = None) -> list[Overview]:
    """Every tenant, or the one of that id, by id.

    Args:
        connection: of the database's owner.
        tenant: its id; None for all.
    """
    return [Overview(**row) for row in await fetch_all(connection, OVERVIEWS, {"tenant": tenant})]


@dataclass(frozen=True, slots=True)
class AccountLine:
    """An account at a provider.

    active: its tenant sends by it; one that it sent by before is followed to the end.
    carries: the channels of routes that it is for; None where an older release registered it.
    weight: how much is sent by it beside the others.
    certificate_until: the last day of its transmission certificate, in Korea.
    paused_at, paused_why: None while it is sent by.
    lent_by, lent_account: whose it is, where it is another tenant's. `lent_to`: who sends by it besides.
    """

    tenant: str
    id: str
    provider: str
    sender: str
    kakao_channel: str | None
    active: bool
    created_at: dt.datetime
    messages_per_second: int | None
    carries: list[str] | None
    weight: int
    certificate_number: str | None
    certificate_until: dt.date | None
    paused_at: dt.datetime | None
    paused_why: str | None
    lent_by: str | None
    lent_account: str | None
    lent_to: list[str]


ACCOUNTS = """
select a.tenant, a.id, a.provider, a.sender, a.kakao_channel, a.active, a.created_at, a.messages_per_second, a.carries,
  a.weight, a.certificate_number, a.certificate_until, a.paused_at, a.paused_why, a.lent_by, a.lent_account,
  array(
    select l.tenant from provider_accounts l where l.lent_by = a.tenant and l.lent_account = a.id and l.active
    order by l.tenant
  ) as lent_to
from provider_accounts a
where %(tenant)s::text is null or a.tenant = %(tenant)s
order by a.tenant, a.active desc, a.place, a.id
"""


async def read_accounts(connection: Connection, tenant: str | None = None) -> list[AccountLine]:
    """Every tenant's accounts, or those of one. `connection`: of the database's owner."""
    return [AccountLine(**row) for row in await fetch_all(connection, ACCOUNTS, {"tenant": tenant})]


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """What was done to a tenant: `suspended`, `resumed`, `life_set` or `life_unset`. `why`: of a life what and how
    long; None where nobody was asked."""

    what: str
    done_by: str
    why: str | None
    created_at: dt.datetime


HISTORY = """
select what, done_by, why, created_at from tenant_history where tenant = %(tenant)s
order by created_at desc, id desc limit %(limit)s
"""


async def read_history(connection: Connection, tenant: str, *, limit: int) -> list[HistoryLine]:
    """What was done to a tenant, newest first."""
    return [HistoryLine(**row) for row in await fetch_all(connection, HISTORY, {"tenant": tenant, "limit": limit})]

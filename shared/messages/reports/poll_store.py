"""SQL of accounts that are asked for reports. One function a statement."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from shared.platform.database import Connection, fetch_all
from shared.providers import Word
from shared.tenants.store import bucket_of

# What is taken is put off in the same statement, for others take at the same time.
DECIDE_POLLS = f"""
with waiting as (
  select tenant, account, min(created_at) as since from dispatches
  -- All that is sent is looked at again: by when, an index has it, which a planner that knows no role's statistics of
  -- states would not take for the state alone.
  where state = 'sent' and check_at > '-infinity' and provider = any(%(providers)s::text[])
    and tenant <> all(%(without)s::text[])
  group by tenant, account
),
due as (
  select distinct on (bucket) bucket, w.tenant, w.account, t.revision,
    min(w.since) over (partition by bucket) as since, pace.every
  from waiting w
  join provider_accounts a on a.tenant = w.tenant and a.id = w.account
  join unnest(%(providers)s::text[], %(seconds)s::int[]) as pace (provider, every) on pace.provider = a.provider
  join tenants t on t.id = w.tenant
  cross join lateral (select {bucket_of("a")} as bucket) as b
  left join account_polls p on p.identity = bucket
  where coalesce(p.poll_at, '-infinity') <= %(now)s
  order by bucket, w.tenant, w.account
  limit %(limit)s
),
taken as (
  insert into account_polls as p (identity, polled_until, poll_at)
  select bucket, since, %(now)s + make_interval(secs => every) from due order by bucket
  on conflict (identity) do update set poll_at = excluded.poll_at where p.poll_at <= %(now)s
  returning identity, polled_until
)
select d.tenant, d.account, d.revision, d.bucket as identity, greatest(t.polled_until, d.since) as since
from taken t join due d on d.bucket = t.identity
"""


class DuePoll(NamedTuple):
    """An account that is to be asked. `identity`: which account at the provider it is; `since`: from when on what it
    says is not known; `revision`: the tenant's."""

    tenant: str
    account: str
    revision: int
    identity: str
    since: dt.datetime


async def decide_polls(
    connection: Connection,
    pace: Mapping[str, dt.timedelta],
    *,
    now: dt.datetime,
    limit: int,
    without: Sequence[str] = (),
) -> list[DuePoll]:
    """Accounts to ask now: those by which something was sent whose end is not known, each once for all tenants that
    send by it, and each not again before its provider's pace allows.

    Args:
        connection: in autocommit; the statement is the transaction.
        pace: by provider, how long to wait from one question to the next. Accounts at others are not asked.
        now: the moment.
        limit: so many at most.
        without: tenants whose accounts are not looked at.
    """
    parameters = {
        "providers": list(pace),
        "seconds": [int(every.total_seconds()) for every in pace.values()],
        "now": now,
        "limit": limit,
        "without": list(without),
    }
    return [DuePoll(**row) for row in await fetch_all(connection, DECIDE_POLLS, parameters)]


MARK_POLLED = """
update account_polls set polled_until = %(until)s where identity = %(identity)s and polled_until < %(until)s
"""


async def mark_polled(connection: Connection, identity: str, until: dt.datetime) -> None:
    """What an account said until then is kept."""
    await connection.execute(MARK_POLLED, {"identity": identity, "until": until})


MEANT_BY = """
select d.tenant, d.provider_batch_id as batch, m.recipient, m.id, m.attempt,
  m.dispatch is not distinct from d.id as is_current,
  m.status = 'failed' and m.provider_message_id is null as is_nameless
from dispatches d
cross join lateral (
  select id, recipient, attempt, dispatch, status, provider_message_id from messages
  where tenant = d.tenant and id = any(d.messages) and recipient = any(%(recipients)s::text[])
  offset 0
) m
where d.provider_batch_id = any(%(batches)s::text[]) and d.tenant in (
  select %(tenant)s
  union all
  select theirs.tenant from provider_accounts ours join provider_accounts theirs using (identity)
  where ours.tenant = %(tenant)s and ours.id = %(account)s
)
"""


class Meant(NamedTuple):
    """A message of a call to a recipient.

    is_current: it has not gone on to another call since.
    is_nameless: it failed, and no provider has a name for it: most often it was refused before the call was made.
    """

    tenant: str
    batch: str
    recipient: str
    id: UUID
    attempt: int
    is_current: bool
    is_nameless: bool


async def meant_by(connection: Connection, tenant: str, account: str, words: Sequence[Word]) -> list[Meant]:
    """The messages that may be meant where a provider names its calls and their recipients, of all tenants that send by
    the account."""
    parameters = {
        "tenant": tenant,
        "account": account,
        "batches": sorted({word.batch for word in words}),
        "recipients": sorted({word.to for word in words}),
    }
    return [Meant(**row) for row in await fetch_all(connection, MEANT_BY, parameters)]

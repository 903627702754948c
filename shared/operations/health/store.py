"""SQL of what is looked at to say whether all is well. One function a statement; nothing here decides."""

from __future__ import annotations

import datetime as dt

from shared.operations.health.figures import Account, Gauges, OpenAlert, Undecided
from shared.platform.database import Connection, fetch_all
from shared.platform.ids import first_id
from shared.tenants.store import bucket_of

OLD_TICKETS = 20
"""Of the outbox, the oldest ones are opened to find the oldest queued message."""

NEWEST_DISPATCHES = 10
"""Of each account, looked at to say whether calls get through."""

LOOKED_THROUGH = 1_000
"""Of a tenant's calls, the newest, to find those of an account: one that it has not used since says nothing of now."""

LETTERS_ARE_NEW, FAILURES_ARE_NEW = dt.timedelta(minutes=10), dt.timedelta(hours=1)
"""For so long after they came, dead letters and failed payments count."""

PAYMENTS_END_WITHIN = dt.timedelta(days=2)
"""Of payments only those count that were begun within this time."""

GAUGES = """
select
  (select at from heartbeats where name = 'tick') as last_tick_at,
  (select at from heartbeats where name = 'sweeps') as last_sweeps_at,
  (select at from heartbeats where name = 'callbacks') as last_callback_at,
  (select count(*) from outbox) as tickets,
  -- A ticket waits since it was first due. Each publishing doubles the wait for the next, so their number and the next
  -- one's moment tell when the first was.
  (
    select max(extract(epoch from %(now)s - publish_at) + case when attempts = 0 then 0
      else extract(epoch from %(patience)s) * (2 ^ least(attempts, 6) - 1) + 600 * greatest(attempts - 6, 0) end)
    from outbox
  )::float8 as outbox_age,
  (
    select min(m.due_at)
    from (
      select tenant, body from outbox where attempts > 0 or publish_at <= %(now)s
      order by created_at limit %(old_tickets)s
    ) o
    cross join lateral jsonb_array_elements_text(o.body -> 'messages') as listed (id)
    -- Each by its key: a planner that thinks of many would read all that were ever sent.
    cross join lateral (
      select due_at from messages where tenant = o.tenant and id = listed.id::uuid and status = 'queued' offset 0
    ) m
    where not exists (
      select from alerts a where a.tenant = o.tenant and a.kind = 'credit_shortage' and a.resolved_at = 'infinity'
    ) and not exists (select from tenants t where t.id = o.tenant and t.suspended_at is not null)
    and not exists (
      select from provider_accounts p
      left join provider_accounts l on l.tenant = p.lent_by and l.id = p.lent_account
      where p.tenant = o.tenant and p.active and (p.paused_at is not null or l.paused_at is not null)
    )
  ) as oldest_queued_at,
  (select min(due_at) from timers) as next_step_at,
  (select min(created_at) from dispatches where state = 'sent' and check_at is not null) as oldest_hold_at,
  (
    select count(*) from dead_letters where state = 'open' and received_at > %(letters_since)s
  ) as new_dead_letters,
  (select count(*) from dead_letters where state = 'open') as open_dead_letters,
  (
    select count(*) from payment_orders
    where status = 'failed' and updated_at > %(failures_since)s and created_at > %(payments_since)s
  ) as payment_failures,
  (select min(since) from partitions where until is null) as months_until,
  (select numbackends from pg_stat_database where datname = current_database()) as connections,
  current_setting('max_connections')::int as max_connections
"""


async def read_gauges(connection: Connection, now: dt.datetime, *, patience: dt.timedelta) -> Gauges:
    """The figures that are the whole platform's. `patience`: how long a ticket waits before it is published again."""
    parameters = {
        "now": now,
        "patience": patience,
        "old_tickets": OLD_TICKETS,
        "letters_since": now - LETTERS_ARE_NEW,
        "failures_since": now - FAILURES_ARE_NEW,
        "payments_since": now - PAYMENTS_END_WITHIN,
    }
    return Gauges(**(await fetch_all(connection, GAUGES, parameters))[0])


ACCOUNTS = f"""
select a.tenant, a.id, a.provider, a.certificate_until, recent.states, recent.moments,
  coalesce(a.carries, '{{}}') as carries, h.opened_at, h.error, b.tenants,
  exists (
    select from dispatches d
    where d.tenant = a.tenant and d.id between %(from_id)s and %(to_id)s and d.state in ('sent', 'closed')
  ) as left_lately
from provider_accounts a
join (
  select {bucket_of("s")} as identity, count(distinct s.tenant)::int as tenants from provider_accounts s
  where s.active group by 1
) b on b.identity = {bucket_of("a")}
left join account_health h on h.identity = b.identity
cross join lateral (
  select coalesce(array_agg(state::text order by id desc), '{{}}') as states,
    coalesce(array_agg(created_at order by id desc), '{{}}') as moments
  from (
    select id, state, created_at from (
      select id, account, state, created_at from dispatches where tenant = a.tenant
      order by id desc limit %(looked_through)s
    ) as lately
    where account = a.id and state in ('sent', 'closed', 'abandoned')
    order by id desc limit %(limit)s
  ) as newest
) as recent
where a.active
order by a.tenant, a.id
"""


async def read_accounts(connection: Connection, left_from: dt.datetime, left_until: dt.datetime) -> list[Account]:
    """Each active account with its newest decided dispatches, newest first, and whether anything left in a time."""
    parameters = {
        "from_id": first_id(left_from),
        "to_id": first_id(left_until),
        "limit": NEWEST_DISPATCHES,
        "looked_through": LOOKED_THROUGH,
    }
    return [Account(**row) for row in await fetch_all(connection, ACCOUNTS, parameters)]


UNDECIDED = """
select d.tenant, d.account, count(*) as dispatches, min(d.created_at) as since
from dispatches d
where d.state in ('open', 'prepared') and d.lease_until > '-infinity'  -- as the index is ordered that has few
  and d.created_at < %(before)s
group by d.tenant, d.account order by d.tenant, d.account
"""


async def read_undecided(connection: Connection, before: dt.datetime) -> list[Undecided]:
    """Dispatches begun before a moment of which nobody knows yet whether they were sent, by account."""
    return [Undecided(**row) for row in await fetch_all(connection, UNDECIDED, {"before": before})]


OPEN_ALERTS = """
select a.tenant, a.kind, a.detail,
  case a.kind when 'low_balance' then c.balance - c.held end as available,
  case a.kind when 'low_balance' then c.low_balance end as low_balance
from alerts a join credit_accounts c using (tenant)
where a.resolved_at = 'infinity'
order by a.tenant, a.kind
"""


async def read_open_alerts(connection: Connection) -> list[OpenAlert]:
    """The open alerts of all tenants; those of low credit with what is left and what the tenant wants to have left."""
    return [OpenAlert(**row) for row in await fetch_all(connection, OPEN_ALERTS, {})]

"""SQL of credits. One function a statement; nothing here decides."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from shared.contracts.channels import LEG_PRICES
from shared.platform.database import Connection, fetch_all
from shared.platform.signals.alerts import raising, resolving

Kind = Literal["topup", "hold", "capture", "release", "refund", "adjustment", "hold_expiry"]


@dataclass(frozen=True, slots=True)
class Account:
    """A tenant's credit in won: `available` is the balance less what is held."""

    tenant: str
    balance: Decimal
    held: Decimal
    low_balance: Decimal
    wait_for_credit: bool

    @property
    def available(self) -> Decimal:
        return self.balance - self.held


ACCOUNTS = """
select tenant, balance, held, low_balance, wait_for_credit from credit_accounts
where %(tenant)s::text is null or tenant = %(tenant)s
order by tenant
"""


async def read_accounts(connection: Connection, tenant: str | None = None) -> list[Account]:
    """One tenant's account, or all that the role may see."""
    return [Account(**row) for row in await fetch_all(connection, ACCOUNTS, {"tenant": tenant})]


ADD_ENTRY = """
insert into ledger_entries (tenant, id, kind, balance_change, key, reference, created_at)
select tenant, %(id)s, %(kind)s::entry_kind, %(amount)s, %(key)s, %(reference)s, %(now)s
from credit_accounts where tenant = %(tenant)s
on conflict do nothing
returning id
"""


async def add_entry(
    connection: Connection,
    tenant: str,
    entry: UUID,
    kind: Kind,
    amount: Decimal,
    *,
    key: str,
    reference: str | None,
    now: dt.datetime,
) -> bool:
    """Add an entry that changes the balance by `amount` won. False: its key was used before, and nothing changed.

    Raises:
        psycopg.errors.CheckViolation: `never_overdrawn`, or an amount that its kind can't have.
    """
    parameters = {
        "tenant": tenant,
        "id": entry,
        "kind": kind,
        "amount": amount,
        "key": key,
        "reference": reference,
        "now": now,
    }
    return bool(await fetch_all(connection, ADD_ENTRY, parameters))


ENTRIES = """
select id, kind::text, balance_change, hold_change, key, reference, cardinality(messages) as messages, created_at
from ledger_entries where tenant = %(tenant)s
order by created_at desc, id desc limit %(limit)s
"""


async def read_entries(connection: Connection, tenant: str, limit: int) -> list[dict[str, Any]]:
    """A tenant's newest entries."""
    return await fetch_all(connection, ENTRIES, {"tenant": tenant, "limit": limit})


ENTRY_OF_KEY = """
select id, kind::text, balance_change, hold_change, key, reference, cardinality(messages) as messages, created_at
from ledger_entries where tenant = %(tenant)s and key = %(key)s
"""


async def read_entry(connection: Connection, tenant: str, key: str) -> dict[str, Any] | None:
    """The entry that used a key."""
    rows = await fetch_all(connection, ENTRY_OF_KEY, {"tenant": tenant, "key": key})
    return rows[0] if rows else None


# An entry is one moment, so its messages of one channel and provider have one cost. Unknown there, it is for the line.
USAGE = """
with charged as (
  select e.created_at, m.channel, m.provider,
    coalesce(m.workflow, 'bulk ' || m.run_key, '(bulk)') as workflow, count(*) as messages, sum(m.price) as won
  from ledger_entries e
  cross join unnest(e.messages) as listed
  join messages m on m.tenant = e.tenant and m.id = listed and m.settlement = e.id
  where e.tenant = %(tenant)s and e.kind = 'capture' and e.created_at >= %(start)s and e.created_at < %(end)s
  group by e.id, e.created_at, m.channel, m.provider, 4
)
select (c.created_at at time zone 'Asia/Seoul')::date as day, c.channel, c.workflow,
  sum(c.messages)::bigint as messages, sum(c.won) as won,
  case when bool_and(p.cost is not null) then sum(c.messages * p.cost) end as cost
from charged c
left join lateral (
  select cost from provider_prices
  where provider = c.provider and channel = c.channel and valid_from <= c.created_at
  order by valid_from desc limit 1
) p on true
group by 1, 2, 3 order by 1, 2, 3
"""


async def read_usage(connection: Connection, tenant: str, start: dt.datetime, end: dt.datetime) -> list[dict[str, Any]]:
    """What was charged by day of Seoul, channel and workflow or bulk send, and what providers take for it, from `start`
    until before `end`. Only for who may read what providers take."""
    return await fetch_all(connection, USAGE, {"tenant": tenant, "start": start, "end": end})


STATEMENT = f"""
with usage as ({USAGE}),
payments as (
  select kind::text, (created_at at time zone 'Asia/Seoul')::date as day, reference, balance_change as won, created_at
  from ledger_entries
  where tenant = %(tenant)s and kind in ('topup', 'refund', 'adjustment')
    and created_at >= %(start)s and created_at < %(end)s
),
balances as (
  select coalesce(sum(balance_change) filter (where created_at < %(start)s), 0) as opening,
    coalesce(sum(balance_change), 0) as closing
  from ledger_entries where tenant = %(tenant)s and created_at < %(end)s
)
select 1 as part, 'opening' as kind, null::date as day, null as channel, null as workflow, null as reference,
  null::bigint as messages, opening as won, null::numeric as cost, null::timestamptz as at from balances
union all
select 2, kind, day, null, null, reference, null, won, null, created_at from payments
union all
select 3, 'charge', day, channel, workflow, null, messages, -won, cost, null from usage
union all
select 4, 'closing', null, null, null, null, null, closing, null, null from balances
order by part, at, day, channel, workflow
"""


async def read_statement(
    connection: Connection, tenant: str, start: dt.datetime, end: dt.datetime
) -> list[dict[str, Any]]:
    """The lines of a tenant's statement, in order and of one moment: the balance at `start`, what moved it, the balance
    at `end`. `won` is signed; the two balances are summed from the entries, not from the lines."""
    return await fetch_all(connection, STATEMENT, {"tenant": tenant, "start": start, "end": end})


AUDIT = """
with entries as (
  select tenant, sum(balance_change) as balance, sum(hold_change) as held, count(*) as entries,
    coalesce(-sum(balance_change) filter (where kind = 'capture'), 0) as charged
  from ledger_entries group by tenant
),
paid as (
  -- A message that was delivered after its release names the capture, and the release still lists it.
  select e.tenant, e.id, e.kind, e.balance_change, e.hold_change, e.reference is not null as late,
    coalesce(sum(m.held), 0) as held, coalesce(sum(m.price), 0) as price, count(listed) - count(m.id) as missing
  from ledger_entries e
  left join lateral unnest(e.messages) as listed on true
  left join messages m on m.tenant = e.tenant and m.id = listed and case e.kind
    when 'hold' then m.hold = e.id
    when 'capture' then m.settlement = e.id
    else m.settlement = e.id or m.price is not null end
  where e.kind in ('hold', 'capture', 'release', 'hold_expiry')
  group by e.tenant, e.id
),
by_entry as (
  select tenant, sum(missing) as missing, sum(case kind
    when 'hold' then abs(hold_change - held)
    when 'capture' then abs(-balance_change - price) + abs(-hold_change - case when late then 0 else held end)
    else abs(-hold_change - held) end) as difference
  from paid group by tenant
),
by_message as (
  select tenant, count(*) as messages, count(price) as captured, coalesce(sum(price), 0) as charged,
    coalesce(sum(held) filter (where settlement is null), 0) as open_holds
  from messages where hold is not null group by tenant
),
listed as not materialized (
  select e.tenant, e.id as entry, e.kind, message from ledger_entries e cross join unnest(e.messages) as message
),
by_pointer as (
  select tenant, count(*) as untraced
  from (
    select m.tenant from messages m
    where m.hold is not null and not exists (
      select from listed l
      where l.tenant = m.tenant and l.message = m.id and l.entry = m.hold and l.kind = 'hold'
    )
    union all
    select m.tenant from messages m
    where m.settlement is not null and not exists (
      select from listed l
      where l.tenant = m.tenant and l.message = m.id and l.entry = m.settlement and l.kind <> 'hold'
        and (l.kind = 'capture') = (m.price is not null)
    )
  ) as pointers
  group by tenant
)
select tenant,
  abs(coalesce(a.balance, 0) - coalesce(e.balance, 0)) + abs(coalesce(a.held, 0) - coalesce(e.held, 0))
    + coalesce(p.difference, 0) + abs(coalesce(m.open_holds, 0) - coalesce(a.held, 0))
    + abs(coalesce(m.charged, 0) - coalesce(e.charged, 0)) as difference,
  (coalesce(a.balance - a.held < 0, false) or coalesce(e.balance - e.held < 0, false))::int as overdrafts,
  (a.tenant is not null)::int as accounts, coalesce(e.entries, 0) as entries,
  coalesce(a.balance, 0) as balance, coalesce(a.held, 0) as held, coalesce(m.messages, 0) as messages,
  coalesce(m.captured, 0) as captured, coalesce(m.charged, 0) as charged, coalesce(p.missing, 0) as missing,
  coalesce(u.untraced, 0) as untraced
from credit_accounts a
full join entries e using (tenant) full join by_entry p using (tenant) full join by_message m using (tenant)
full join by_pointer u using (tenant)
order by tenant
"""


async def read_audit(connection: Connection) -> list[dict[str, Any]]:
    """All recomputed, tenant by tenant: totals from entries, entries from messages, and messages from entries."""
    return await fetch_all(connection, AUDIT, {})


LOW_BALANCE = "크레딧이 %1$s원 남았습니다. (below %2$s won)"
"""As Postgres formats it: what is available, and below what that is low."""

# An account that never had credit is a new one, and nobody waits for its messages.
_LOW = "select tenant, 'low_balance', format(%(sentence)s, trunc(available), trunc(low_balance)) from low"
_NOT_LOW_ANY_MORE = """
    select tenant, kind from alerts n
    where kind = 'low_balance' and resolved_at = 'infinity'
      and not exists (select from low where low.tenant = n.tenant)"""

DECIDE_LOW_BALANCES = f"""
with low as (
  select a.tenant, a.balance - a.held as available, a.low_balance from credit_accounts a
  where a.balance - a.held < a.low_balance
    and exists (select from ledger_entries e where e.tenant = a.tenant)
),
over as ({resolving(_NOT_LOW_ANY_MORE)})
{raising(_LOW)}
"""


async def decide_low_balances(connection: Connection, now: dt.datetime) -> list[str]:
    """Raise an alert where the available credit is low and none is open, and end it where it is not low any more.

    Gives whose were raised now.
    """
    rows = await fetch_all(connection, DECIDE_LOW_BALANCES, {"now": now, "sentence": LOW_BALANCE})
    return [row["tenant"] for row in rows]


# What waits for credit was claimed without a hold, and its ticket is younger than itself. Which channels are paid for
# and what was refused, the newest messages tell: ids begin with the moment of their making.
DECIDE_ENDED_SHORTAGES = f"""
with answered as (
  select s.tenant
  from alerts s join credit_accounts a using (tenant)
  cross join lateral (
    select array_agg(distinct leg) as legs,
      coalesce(bool_or(reason = 'credit_shortage' and updated_at > %(quiet_since)s), false) as refused
    from (
      select route, reason, updated_at from messages m where m.tenant = s.tenant order by id desc limit %(newest)s
    ) as newest cross join unnest(route) as leg
  ) as lately
  where s.kind = 'credit_shortage' and s.resolved_at = 'infinity' and not lately.refused
    and a.balance - a.held >= (
      select coalesce(max(price), 0) from (
        select distinct on (channel) channel, price from prices p
        where p.tenant = s.tenant and p.valid_from <= %(now)s order by channel, valid_from desc
      ) as current
      where channel in (
        select price_name from unnest(%(legs)s::text[], %(leg_prices)s::text[]) as b (leg, price_name)
        where b.leg = any(lately.legs)
      )
    )
    and not exists (
      select from outbox o
      cross join lateral jsonb_array_elements_text(o.body -> 'messages') as listed (id)
      join messages m on m.tenant = o.tenant and m.id = listed.id::uuid
      where o.tenant = s.tenant and o.topic = %(topic)s
        and m.status = 'queued' and m.hold is null and m.created_at < o.created_at
    )
)
{resolving("select tenant, 'credit_shortage' from answered")}
"""


async def decide_ended_shortages(
    connection: Connection, now: dt.datetime, *, quiet_since: dt.datetime, topic: str, newest: int
) -> list[str]:
    """End the shortage of tenants whose credit pays again for a message on the dearest channel that they use.

    Args:
        connection: as a role that sees messages, tickets and accounts.
        now: the moment.
        quiet_since: a message refused after this keeps the shortage open.
        topic: of the tickets of messages that wait for credit; one that waits keeps it open, too.
        newest: of a tenant's messages so many are looked at, the newest ones.

    Returns:
        The tenants.
    """
    parameters = {"now": now, "quiet_since": quiet_since, "topic": topic, "newest": newest, **LEG_PRICES}
    return [row["tenant"] for row in await fetch_all(connection, DECIDE_ENDED_SHORTAGES, parameters)]

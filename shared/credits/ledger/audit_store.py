"""SQL of the audit. One function a statement; nothing here decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from shared.platform.database import Connection, fetch_all


@dataclass(frozen=True, slots=True)
class Audit:
    """Everything recomputed from entries and messages, and compared. While every won is accounted for, `difference`,
    `overdrafts`, `missing` and `untraced` are 0; the rest tells how much was looked at.

    difference: won by which accounts, entries and messages disagree.
    overdrafts: accounts that spent more than they had.
    accounts, entries: how many there are.
    balance, held: won of all accounts.
    messages: how many were held for at some time; `captured`: how many were charged, those for nothing included.
    charged: won.
    missing: messages that an entry lists, and that don't exist or name another entry.
    untraced: holds and settlements of messages whose entry doesn't exist, is of another kind, or doesn't list them.
    """

    difference: Decimal = Decimal(0)
    overdrafts: int = 0
    accounts: int = 0
    entries: int = 0
    balance: Decimal = Decimal(0)
    held: Decimal = Decimal(0)
    messages: int = 0
    captured: int = 0
    charged: Decimal = Decimal(0)
    missing: int = 0
    untraced: int = 0


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
  group by e.tenant, e.id, e.created_at
),
by_entry as (
  select tenant, sum(missing)::bigint as missing, sum(case kind
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


async def read_audit(connection: Connection) -> dict[str, Audit]:
    """All recomputed, by tenant: totals from entries, entries from messages, and messages from entries."""
    return {row["tenant"]: audit_of(row) for row in await fetch_all(connection, AUDIT, {})}


def audit_of(row: Mapping[str, Any]) -> Audit:
    """The figures of a row of `AUDIT`."""
    return Audit(**{name: row[name] for name in Audit.__slots__})

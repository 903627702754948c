"""SQL of credits. One function a statement; what decides says so by its name."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal
from uuid import UUID

from shared.contracts.channels import LEG_PRICES
from shared.platform.database import Connection, fetch_all
from shared.platform.database.keys import is_one
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


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the ledger, which is never changed.

    balance_change, hold_change: won by which it changed the balance, and what of that is held; below zero it took.
    key: names what it was for; a second entry with it can't be.
    reference: what a person would look for; None where there is nothing.
    messages: how many it is for; None of what moves no message's money.
    """

    id: UUID
    kind: Kind
    balance_change: Decimal
    hold_change: Decimal
    key: str
    reference: str | None
    messages: int | None
    created_at: dt.datetime


_ENTRY_COLUMNS = """id, kind::text, balance_change, hold_change, key, reference, cardinality(messages) as messages,
  created_at"""

ENTRIES = f"""
select {_ENTRY_COLUMNS} from ledger_entries where tenant = %(tenant)s
order by created_at desc, id desc limit %(limit)s
"""


async def read_entries(connection: Connection, tenant: str, limit: int) -> list[Entry]:
    """A tenant's entries, newest first."""
    return [Entry(**row) for row in await fetch_all(connection, ENTRIES, {"tenant": tenant, "limit": limit})]


ENTRY_OF_KEY = f"""
select {_ENTRY_COLUMNS} from ledger_entries
where tenant = %(tenant)s and key = %(key)s and messages is null
"""


async def read_entry(connection: Connection, tenant: str, key: str) -> Entry | None:
    """The entry that used a key; None where none has."""
    rows = await fetch_all(connection, ENTRY_OF_KEY, {"tenant": tenant, "key": key})
    return Entry(**rows[0]) if rows else None


LOW_BALANCE = "크레딧이 %1$s원 남았습니다. (below %2$s won)"
"""As Postgres formats it: what is available, and below what that is low."""

_WHOLE = "to_char(trunc({}), 'FM999,999,999,999,990')"
# An account that never had credit is a new one, and nobody waits for its messages.
_LOW = f"""
    select tenant, 'low_balance', format(%(sentence)s, {_WHOLE.format("available")}, {_WHOLE.format("low_balance")})
    from low"""
_NOT_LOW_ANY_MORE = """
    select tenant, kind from alerts n
    where kind = 'low_balance' and resolved_at = 'infinity'
      and not exists (select from low where low.tenant = n.tenant)"""

DECIDE_LOW_BALANCES = f"""
with low as (
  select a.tenant, a.balance - a.held as available, a.low_balance from credit_accounts a
  where a.balance - a.held < a.low_balance
    and exists (select from ledger_entries e where e.tenant = a.tenant offset 0)  -- the first one is enough
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
      cross join lateral (
        select from messages
        where tenant = o.tenant and id = {is_one("listed.id::uuid")} and status = 'queued' and hold is null
          and created_at < o.created_at
        limit 1
      ) m
      where o.tenant = s.tenant
    )
)
{resolving("select tenant, 'credit_shortage' from answered")}
"""


async def decide_ended_shortages(
    connection: Connection, now: dt.datetime, *, quiet_since: dt.datetime, newest: int
) -> list[str]:
    """End the shortage of tenants whose credit pays again for a message on the dearest channel that they use. One of
    whose messages waits for credit keeps it open.

    Args:
        connection: as a role that sees messages, tickets and accounts.
        now: the moment.
        quiet_since: a message refused after this keeps the shortage open.
        newest: of a tenant's messages so many are looked at, the newest ones.

    Returns:
        The tenants.
    """
    parameters = {"now": now, "quiet_since": quiet_since, "newest": newest, **LEG_PRICES}
    return [row["tenant"] for row in await fetch_all(connection, DECIDE_ENDED_SHORTAGES, parameters)]

"""SQL of automatic top-ups. One function a statement; only whose card is charged is decided here."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from shared.platform.database import Connection, fetch_all
from shared.platform.loops.sweeps import put_off


class Due(NamedTuple):
    """A tenant whose card is to be charged now. Nobody else takes it before `taken_until`."""

    tenant: str
    taken_until: dt.datetime
    amount: Decimal
    customer_key: str
    billing_key: bytes


def charged_since(tenant: str) -> str:
    """What automatic top-ups of a tenant came to since a moment, those under way included, as a part of another
    statement.

    Args:
        tenant: how that statement names the tenant. It has a parameter `since`.
    """
    return f"""(
      select coalesce(sum(o.amount), 0) from payment_orders o
      where o.tenant = {tenant} and o.purpose = 'automatic_topup' and o.created_at >= %(since)s and o.status <> 'failed'
    )"""


DECIDE_DUE_CHARGES = f"""
with due as (
  select t.tenant from automatic_topups t
  join credit_accounts a using (tenant)
  join billing_keys b using (tenant)
  where t.enabled and t.next_try_at <= %(now)s and a.balance - a.held < t.threshold
    and t.amount + {charged_since("t.tenant")} <= t.daily_cap
    and not exists (
      select from payment_orders o
      where o.tenant = t.tenant and o.purpose = 'automatic_topup' and o.status = 'confirming'
    )
  order by t.next_try_at limit %(limit)s
  for update of t skip locked
)
update automatic_topups t set takes = t.takes + 1, next_try_at = {put_off("t.takes")}
from due join billing_keys b using (tenant)
where t.tenant = due.tenant
returning t.tenant, t.next_try_at as taken_until, t.amount, b.customer_key, b.billing_key
"""


async def decide_due_charges(
    connection: Connection,
    *,
    now: dt.datetime,
    since: dt.datetime,
    first: dt.timedelta,
    longest: dt.timedelta,
    limit: int,
) -> list[Due]:
    """Tenants below their thresholds whose caps since `since` allow a charge and that have none under way: those that
    wait longest. Nobody else takes them for `first`; one that comes to nothing is taken again after twice as long each
    time, `longest` at most."""
    parameters = {"now": now, "since": since, "first": first, "longest": longest, "limit": limit}
    return [Due(**row) for row in await fetch_all(connection, DECIDE_DUE_CHARGES, parameters)]


LOCK_DUE = """
select tenant from automatic_topups
where tenant = %(tenant)s and enabled and next_try_at = %(taken_until)s for update"""


async def lock_due(connection: Connection, due: Due) -> bool:
    """Keep a tenant that was taken, until the transaction ends. False: somebody has set its top-up anew since."""
    return bool(await fetch_all(connection, LOCK_DUE, {"tenant": due.tenant, "taken_until": due.taken_until}))


LOCK_FAILURES = "select failures from automatic_topups where tenant = %(tenant)s for update"


async def lock_failures(connection: Connection, tenant: str) -> int:
    """How many refusals there were in a row; nobody else counts until the transaction ends."""
    rows = await fetch_all(connection, LOCK_FAILURES, {"tenant": tenant})
    return int(rows[0]["failures"]) if rows else 0


RECORD_OUTCOME = """
update automatic_topups set failures = %(failures)s, next_try_at = %(next_try_at)s, takes = 0,
  enabled = enabled and %(enabled)s
where tenant = %(tenant)s
"""


async def record_outcome(
    connection: Connection, tenant: str, *, failures: int, next_try_at: dt.datetime, enabled: bool
) -> None:
    """After a charge: how many refusals in a row, when to try again, and whether at all; what was ended stays ended."""
    parameters = {"tenant": tenant, "failures": failures, "next_try_at": next_try_at, "enabled": enabled}
    await connection.execute(RECORD_OUTCOME, parameters)


SAVE_AUTOMATIC = """
insert into automatic_topups (tenant, threshold, amount, daily_cap)
values (%(tenant)s, %(threshold)s, %(amount)s, %(daily_cap)s)
on conflict (tenant) do update
set threshold = excluded.threshold, amount = excluded.amount, daily_cap = excluded.daily_cap, enabled = true,
    failures = 0, takes = 0, next_try_at = '-infinity'
"""


async def save_automatic_topup(
    connection: Connection, tenant: str, *, threshold: Decimal, amount: Decimal, daily_cap: Decimal
) -> None:
    """Let a tenant's card be charged below `threshold` won, from now on."""
    parameters = {"tenant": tenant, "threshold": threshold, "amount": amount, "daily_cap": daily_cap}
    await connection.execute(SAVE_AUTOMATIC, parameters)


END_AUTOMATIC = "update automatic_topups set enabled = false where tenant = %(tenant)s"


async def end_automatic_topup(connection: Connection, tenant: str) -> None:
    await connection.execute(END_AUTOMATIC, {"tenant": tenant})


@dataclass(frozen=True, slots=True)
class Automatic:
    """A tenant's automatic top-up.

    enabled: whether it charges. It ends by itself after five refusals in a row.
    card: whether one is registered.
    threshold, amount, daily_cap: won: below the first, the second is charged, a day of Seoul the third at most. None
        where nobody has set them.
    failures: refusals in a row.
    next_try_at: when the card may be charged next; None for at once.
    charged_today: won, of Seoul's day, charges under way included.
    """

    tenant: str
    enabled: bool
    card: bool
    threshold: Decimal | None
    amount: Decimal | None
    daily_cap: Decimal | None
    failures: int
    next_try_at: dt.datetime | None
    charged_today: Decimal


AUTOMATIC = f"""
select a.tenant, coalesce(t.enabled, false) as enabled, b.tenant is not null as card, t.threshold, t.amount,
  t.daily_cap, coalesce(t.failures, 0) as failures,
  case when t.next_try_at > %(now)s then t.next_try_at end as next_try_at,
  {charged_since("a.tenant")} as charged_today
from credit_accounts a left join automatic_topups t using (tenant) left join billing_keys b using (tenant)
where a.tenant = %(tenant)s
"""


async def read_automatic_topup(
    connection: Connection, tenant: str, *, now: dt.datetime, since: dt.datetime
) -> Automatic | None:
    """A tenant's automatic top-up, or None where there is no such tenant.

    Args:
        connection: of a role that sees the tenant.
        tenant: whose.
        now: the moment.
        since: when the day began; what was charged from then on is `charged_today`.
    """
    rows = await fetch_all(connection, AUTOMATIC, {"tenant": tenant, "now": now, "since": since})
    return Automatic(**rows[0]) if rows else None

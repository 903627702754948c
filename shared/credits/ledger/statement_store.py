"""SQL of statements. One function a statement; nothing here decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from shared.platform.database import Connection, fetch_all


@dataclass(frozen=True, slots=True)
class Usage:
    """What was charged on a day of Seoul, for a channel, by a workflow, a bulk send (`bulk NAME`, by its key) or
    those without a key (`(bulk)`).

    messages: how many were charged, those for nothing included.
    cost: what the providers take for them, in won, at their prices of the moment of the charge; None where one is
        unknown.
    """

    day: dt.date
    channel: str
    workflow: str
    messages: int
    won: Decimal
    cost: Decimal | None


@dataclass(frozen=True, slots=True)
class Payment:
    """A top-up, refund or adjustment: `won` is what it added, or took where it is negative."""

    day: dt.date
    kind: Literal["topup", "refund", "adjustment"]
    reference: str | None
    won: Decimal


@dataclass(frozen=True, slots=True)
class Moved:
    """What moved a tenant's balance between two moments, all as of one moment, each list in order of the day.

    opening, closing: won at the first moment and at the second, by the account and the entries since, not from what is
        listed.
    """

    opening: Decimal
    payments: tuple[Payment, ...]
    usage: tuple[Usage, ...]
    closing: Decimal


# An entry is one moment, so its messages of one channel and provider have one cost. Unknown there, it is for the line.
# Each message by its key: a planner that thinks of many would read all that were ever sent.
USAGE = """
with charged as (
  select e.created_at, m.channel, m.provider,
    m.workflow, case when m.workflow is null then m.run_key end as key, count(*) as messages, sum(m.price) as won
  from ledger_entries e
  cross join unnest(e.messages) as listed
  cross join lateral (
    select channel, provider, workflow, run_key, price from messages
    where tenant = e.tenant and id = listed and settlement = e.id
    offset 0
  ) m
  where e.tenant = %(tenant)s and e.kind = 'capture' and e.created_at >= %(start)s and e.created_at < %(end)s
  group by e.id, e.created_at, m.channel, m.provider, 4, 5
)
select (c.created_at at time zone 'Asia/Seoul')::date as day, c.channel, c.workflow, c.key,
  sum(c.messages)::bigint as messages, sum(c.won) as won,
  case when bool_and(p.cost is not null) then sum(c.messages * p.cost) end as cost
from charged c
left join lateral (
  select cost from provider_prices
  where provider = c.provider and channel = c.channel and valid_from <= c.created_at
  order by valid_from desc limit 1
) p on true
group by 1, 2, 3, 4
"""


STATEMENT = f"""
with usage as ({USAGE}),
payments as (
  select kind::text, (created_at at time zone 'Asia/Seoul')::date as day, reference, balance_change as won, created_at
  from ledger_entries
  where tenant = %(tenant)s and kind in ('topup', 'refund', 'adjustment')
    and created_at >= %(start)s and created_at < %(end)s
),
-- From today's balance back, for the older entries may have left, and are many.
balances as (
  select a.balance - coalesce(sum(e.balance_change), 0) as opening,
    a.balance - coalesce(sum(e.balance_change) filter (where e.created_at >= %(end)s), 0) as closing
  from credit_accounts a left join ledger_entries e on e.tenant = a.tenant and e.created_at >= %(start)s
  where a.tenant = %(tenant)s group by a.balance
)
select 1 as part, 'opening' as kind, null::date as day, null as channel, null as workflow, null as key,
  null as reference, null::bigint as messages, opening as won, null::numeric as cost, null::timestamptz as at
from balances
union all
select 2, kind, day, null, null, null, reference, null, won, null, created_at from payments
union all
select 3, 'charge', day, channel, workflow, key, null, messages, -won, cost, null from usage
union all
select 4, 'closing', null, null, null, null, null, null, closing, null, null from balances
order by part, at, day, channel, workflow nulls first, key nulls first
"""


async def read_statement(connection: Connection, tenant: str, start: dt.datetime, end: dt.datetime) -> Moved:
    """The balance at `start`, what moved it, and the balance before `end`. Only for who may read what providers
    take."""
    parameters = {"tenant": tenant, "start": start, "end": end}
    opening, *lines, closing = await fetch_all(connection, STATEMENT, parameters)
    return Moved(
        opening=opening["won"],
        payments=tuple(
            Payment(line["day"], line["kind"], line["reference"], line["won"])
            for line in lines
            if line["kind"] != "charge"
        ),
        usage=tuple(
            Usage(line["day"], line["channel"], _sender(line), line["messages"], -line["won"], line["cost"])
            for line in lines
            if line["kind"] == "charge"
        ),
        closing=closing["won"],
    )


def _sender(line: Mapping[str, Any]) -> str:
    if line["workflow"] is not None:
        return str(line["workflow"])
    return "(bulk)" if line["key"] is None else f"bulk {line['key']}"

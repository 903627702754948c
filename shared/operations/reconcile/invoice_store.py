"""SQL of invoices. Alone writes `invoice_days` and `invoice_differences`. One function a statement; nothing here
decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from shared.operations.reconcile.differences import Difference, Ours, Reason
from shared.platform.clock import SEOUL
from shared.platform.database import Connection, fetch_all
from shared.platform.database.keys import is_one
from shared.platform.ids import first_id


class Sharer(NamedTuple):
    """An account at a provider, and the first by name of those that tenants know it by."""

    identity: str
    provider: str
    tenant: str
    account: str


def _moments(day: dt.date) -> dict[str, object]:
    """A day of Korea, as the moments and the ids between which it lies."""
    start = dt.datetime.combine(day, dt.time(), SEOUL)
    end = start + dt.timedelta(days=1)
    return {"day": day, "end": end, "first_id": first_id(start), "end_id": first_id(end)}


SENT_BY = """
select distinct on (a.identity) a.identity, a.provider, a.tenant, a.id as account
from provider_accounts a
where a.identity is not null and a.provider = any(%(providers)s) and exists (
  select from dispatches d
  where d.tenant = a.tenant and d.account = a.id and d.provider = a.provider
    and d.id >= %(first_id)s and d.id < %(end_id)s and d.state in ('prepared', 'sent', 'closed')
)
order by a.identity, a.lent_by is not null, a.tenant, a.id
"""


async def sent_by(connection: Connection, providers: Collection[str], day: dt.date) -> list[Sharer]:
    """The accounts at some providers by which anything was handed over on a day of Korea."""
    rows = await fetch_all(connection, SENT_BY, {"providers": list(providers), **_moments(day)})
    return [Sharer(**row) for row in rows]


# A message that went on from a call to another one is told of by the first report that came after that call.
COUNT_OURS = f"""
with handed_over as (
  select d.tenant, d.id as dispatch, d.created_at, listed as message
  from provider_accounts a
  join dispatches d on d.tenant = a.tenant and d.account = a.id and d.provider = a.provider
  cross join unnest(d.messages) as listed
  where a.identity = %(identity)s and a.provider = %(provider)s
    and d.id >= %(first_id)s and d.id < %(end_id)s and d.state in ('prepared', 'sent', 'closed')
),
tried as (
  select
    case when m.dispatch = h.dispatch then m.channel else coalesce(r.channel, m.route[1]) end as channel,
    case
      when m.dispatch = h.dispatch then
        case m.status
          when 'delivered' then 'delivered' when 'read' then 'delivered' when 'unknown' then 'unknown'
          when 'failed' then 'failed' else 'waiting' end
      when r.arrived then 'delivered'
      when r.failed then 'failed'
      else 'waiting' end as came_to,
    case when m.dispatch = h.dispatch then m.price end as price
  from handed_over h
  cross join lateral (
    select dispatch, channel, status, route, price from messages
    where tenant = h.tenant and id = {is_one("h.message")}
    limit 1
  ) m
  left join lateral (
    select first.channel, bool_or(said.outcome in ('delivered', 'read')) as arrived,
      bool_or(said.outcome = 'failed') as failed
    from (
      select attempt, channel from reports
      where tenant = h.tenant and message = {is_one("h.message")} and received_at >= h.created_at
      order by received_at limit 1
    ) first
    join reports said
      on said.tenant = h.tenant and said.message = {is_one("h.message")} and said.attempt = first.attempt
    group by first.channel
  ) r on m.dispatch is distinct from h.dispatch
)
select channel, count(*) filter (where came_to = 'delivered') as delivered,
  count(*) filter (where came_to = 'waiting') as waiting, count(*) filter (where came_to = 'unknown') as unknown,
  count(*) filter (where came_to = 'failed') as failed, coalesce(sum(price), 0) as charged
from tried group by channel
"""


async def count_ours(connection: Connection, sharer: Sharer, day: dt.date) -> dict[str, Ours]:
    """What became of what was handed over by an account on a day of Korea, whoever's it was, by channel."""
    parameters = {"identity": sharer.identity, "provider": sharer.provider, **_moments(day)}
    return {
        row["channel"]: Ours(row["delivered"], row["waiting"], row["unknown"], row["failed"], row["charged"])
        for row in await fetch_all(connection, COUNT_OURS, parameters)
    }


READ_COSTS = """
select distinct on (channel) channel, cost from provider_prices
where provider = %(provider)s and valid_from < %(end)s order by channel, valid_from desc
"""


async def read_costs(connection: Connection, provider: str, day: dt.date) -> dict[str, Decimal]:
    """What a provider takes for a message, in won, as of the end of a day of Korea."""
    rows = await fetch_all(connection, READ_COSTS, {"provider": provider, **_moments(day)})
    return {row["channel"]: row["cost"] for row in rows}


FORGET_DAY = "delete from invoice_days where identity = %(identity)s and day = %(day)s"

KEEP_DAY = """
with compared as (
  insert into invoice_days (identity, provider, day, sent, charged, billed, taken, compared_at)
  values (
    %(identity)s, %(provider)s, %(day)s, %(sent)s, %(charged)s, %(billed)s, %(taken)s, %(now)s
  )
)
insert into invoice_differences (identity, day, channel, reason, messages, won)
select %(identity)s, %(day)s, d.* from unnest(
  %(channels)s::text[], %(reasons)s::text[], %(messages)s::bigint[], %(won)s::numeric[]
) as d (channel, reason, messages, won)
"""


class Sums(NamedTuple):
    """A day of an account in figures.

    sent, charged: how many we handed over, and won that tenants were charged for them.
    billed, taken: how many the provider counts, and won that it took; None where it does not say.
    """

    sent: int
    charged: Decimal
    billed: int
    taken: Decimal | None


async def keep_day(
    connection: Connection,
    sharer: Sharer,
    day: dt.date,
    sums: Sums,
    found: Sequence[Difference],
    *,
    now: dt.datetime,
) -> None:
    """Write down that a day was compared and what differs, in place of what was found before. In a transaction."""
    key = {"identity": sharer.identity, "day": day}
    await connection.execute(FORGET_DAY, key)
    columns: Mapping[str, object] = {
        "channels": [each.channel for each in found],
        "reasons": [str(each.reason) for each in found],
        "messages": [each.messages for each in found],
        "won": [each.won for each in found],
    }
    await connection.execute(KEEP_DAY, {**key, **sums._asdict(), **columns, "provider": sharer.provider, "now": now})


FORGET_OLD = "delete from invoice_days where day < %(before)s"


async def forget_old(connection: Connection, before: dt.date) -> None:
    """Days before that one leave, with their differences."""
    await connection.execute(FORGET_OLD, {"before": before})


LIST_DAYS = """
select d.day, d.provider, a.tenant, a.id as account, d.sent, d.charged, d.billed, d.taken, d.compared_at,
  coalesce(
    (select jsonb_agg(jsonb_build_array(f.channel, f.reason, f.messages, f.won::text) order by f.channel, f.reason)
     from invoice_differences f where f.identity = d.identity and f.day = d.day), '[]') as found
from invoice_days d
left join lateral (
  select tenant, id from provider_accounts where identity = d.identity order by lent_by is not null, tenant, id limit 1
) a on true
where (%(day)s::date is null or d.day = %(day)s) and (%(provider)s::text is null or d.provider = %(provider)s)
order by d.day desc, d.provider, a.tenant, a.id
limit %(limit)s
"""


class ComparedDay(NamedTuple):
    """A day of an account that was compared. `tenant`, `account`: as it is known by; None where nobody has it now."""

    day: dt.date
    provider: str
    tenant: str | None
    account: str | None
    sums: Sums
    compared_at: dt.datetime
    differences: list[Difference]


async def compared_days(
    connection: Connection, day: dt.date | None, provider: str | None, *, limit: int
) -> list[ComparedDay]:
    """The newest days that were compared; of one day or provider where told."""
    rows = await fetch_all(connection, LIST_DAYS, {"day": day, "provider": provider, "limit": limit})
    return [
        ComparedDay(
            row["day"],
            row["provider"],
            row["tenant"],
            row["account"],
            Sums(row["sent"], row["charged"], row["billed"], row["taken"]),
            row["compared_at"],
            [
                Difference(channel, Reason(reason), messages, None if won is None else Decimal(won))
                for channel, reason, messages, won in row["found"]
            ],
        )
        for row in rows
    ]

"""SQL of plain arrivals: locked, recorded and charged by one statement."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from shared.contracts.channels import leg_of, price_name
from shared.contracts.reports import ProviderReport
from shared.credits.ledger.entries import entering
from shared.credits.prices.store import current_prices
from shared.messages.ends_store import deciding_ends
from shared.messages.reports.store import DECIDING_PRICE
from shared.messages.status import Change
from shared.platform.database import Connection, fetch_all
from shared.platform.ids import months_of

_MOVES = "select tenant, entry, 'capture'::entry_kind, id, -price, -held, null::text from changed"

DECIDE_PLAIN_ARRIVALS = f"""
with told as (
  select * from unnest(
    %(tenants)s::text[], %(ids)s::uuid[], %(attempts)s::int[], %(statuses)s::message_status[], %(legs)s::text[],
    %(channels)s::text[], %(price_names)s::text[], %(codes)s::text[], %(outcomes)s::text[], %(providers)s::text[],
    %(provider_ids)s::text[], %(details)s::text[], %(at)s::timestamptz[]
  ) as t (
    tenant, id, attempt, status, leg, channel, price_name, code, outcome, provider, provider_message_id, detail, at
  )
),
stood as (
  -- All by one array: by its key each would choose its month while the statement runs, and Postgres 18.4 crashes there
  -- when a row was changed since the statement began.
  select tenant, id, tableoid as part, ctid as place, attempt, status, route[position + 1] as leg, held,
    hold is not null and settlement is null and price is null as open
  from messages
  where tenant = any((select %(owners)s::text[])::text[]) and id = any((select %(ids)s::uuid[])::uuid[])
    and id between %(first_id)s and %(last_id)s
  for no key update skip locked
),
met as materialized (
  -- A full join is hashed or sorted; any other would compare each with each, for the planner takes what is locked for
  -- one row. Of a number it believes that few are 1, so that rows are changed by their place: no month is read.
  select t.*, s.part, s.place, s.held,
    (s.open and s.attempt = t.attempt and s.leg = t.leg and s.status in ('sending', 'sent', 'unknown'))::int
      as as_presumed
  from told t full join stood s on s.tenant = t.tenant and s.id = t.id
),
arrived as (select * from met where as_presumed = 1),
price_list as materialized ({current_prices("tenant in (select tenant from arrived)")}),
captures as (select tenant, gen_random_uuid() as entry from arrived group by tenant),
changed as (
  -- All else follows from what is changed here: a row that was changed since the statement began is not at its place.
  update messages m
  set status = c.status, channel = c.channel, reason = null, detail = null,
      provider_message_id = coalesce(nullif(c.provider_message_id, ''), m.provider_message_id),
      price = {DECIDING_PRICE}, settlement = captures.entry, updated_at = %(now)s
  from arrived c
  join captures on captures.tenant = c.tenant
  left join price_list p on p.tenant = c.tenant and p.channel = c.price_name
  where m.ctid = c.place and m.tableoid = c.part and m.id between %(first_id)s and %(last_id)s
  returning m.tenant, m.id, m.status, m.dispatch, m.held, m.price, m.settlement as entry, true as was_open,
    false as requeued, c.attempt, c.code, c.outcome, c.channel, c.provider, c.provider_message_id, c.detail, c.at
),
said as (
  insert into reports (
    tenant, message, attempt, code, outcome, channel, provider, provider_message_id, detail, at, received_at
  )
  select tenant, id, attempt, code, outcome, channel, provider, provider_message_id, detail, at, %(now)s from changed
  on conflict do nothing
),
{deciding_ends("changed")},
entries as ({entering(_MOVES)})
select tenant, id from changed
"""


class PlainArrival(NamedTuple):
    """The one report of its message, that it arrived, and what that changes where the message waits for it.

    provider: who says it.
    change: as decided for a message that is on its way, at the attempt and on the channel that the report names.
    """

    provider: str
    report: ProviderReport
    change: Change


async def decide_plain_arrivals(
    connection: Connection, arrivals: Sequence[PlainArrival], *, now: dt.datetime
) -> set[tuple[str, UUID]]:
    """Record arrivals, charge for them and close calls, where messages stand as was presumed; of others nothing is
    done.

    A message stands so that is on its way, at the attempt that is reported, on the channel that is reported, with a
    hold that is open.

    Args:
        connection: in autocommit; the statement is the transaction.
        arrivals: at least one; no two of one message.
        now: the moment.

    Returns:
        Tenant and message of those that were recorded.
    """
    reports, changes = [arrival.report for arrival in arrivals], [arrival.change for arrival in arrivals]
    tenants = [change.tenant for change in changes]
    rows = await fetch_all(
        connection,
        DECIDE_PLAIN_ARRIVALS,
        {
            "now": now,
            "owners": list(set(tenants)),
            "tenants": tenants,
            "ids": [change.id for change in changes],
            **months_of(change.id for change in changes),
            "attempts": [change.state.attempt for change in changes],
            "statuses": [change.state.status for change in changes],
            "legs": [leg_of(report.channel) for report in reports],
            "channels": [change.channel for change in changes],
            "price_names": [price_name(change.channel) for change in changes],
            "provider_ids": [report.provider_message_id for report in reports],
            "providers": [arrival.provider for arrival in arrivals],
            "codes": [report.code for report in reports],
            "outcomes": [report.outcome for report in reports],
            "details": [report.detail for report in reports],
            "at": [report.at for report in reports],
        },
    )
    return {(row["tenant"], row["id"]) for row in rows}

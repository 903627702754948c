"""SQL of what channels cost and deliver lately. One function a statement; nothing here decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import NamedTuple

from shared.credits.prices.store import current_prices
from shared.platform.database import Connection, fetch_all
from shared.platform.ids import first_id, last_id

LATELY = 500
"""Of a tenant's newest messages so many tell how well a channel delivers."""

LOOKED_AT = 10
"""Of a customer's newest messages so many tell on which channels the customer can't be reached."""

SPAN = dt.timedelta(days=30)
"""What is older tells nothing any more: people take to KakaoTalk, and leave it."""

CHANNEL_FIGURES = f"""
with price_list as ({current_prices("tenant = any(%(tenants)s)")}),
newest as (
  select t.tenant, m.id
  from unnest(%(tenants)s::text[]) as t (tenant)
  cross join lateral (
    select id from messages
    where tenant = t.tenant and id between %(first_id)s and %(last_id)s and status in ('failed', 'delivered', 'read')
    order by id desc limit %(lately)s
  ) m
),
told as (
  select n.tenant, r.channel, r.attempt, n.id, bool_or(r.outcome in ('delivered', 'read')) as delivered
  from newest n
  cross join lateral (
    select channel, attempt, outcome from reports
    where tenant = n.tenant and message = n.id and message between %(first_id)s and %(last_id)s
      and outcome in ('failed', 'delivered', 'read')
    offset 0
  ) r
  group by n.tenant, r.channel, r.attempt, n.id
)
select p.tenant, p.channel, p.price, coalesce(t.delivered, 0) as delivered, coalesce(t.attempts, 0) as attempts
from price_list p
left join (
  select tenant, channel, count(*) filter (where delivered) as delivered, count(*) as attempts
  from told group by tenant, channel
) t using (tenant, channel)
"""


class ChannelFigures(NamedTuple):
    """What a channel costs a tenant, and how many of its newest attempts there delivered."""

    tenant: str
    channel: str
    price: Decimal
    delivered: int
    attempts: int


async def read_channel_figures(
    connection: Connection, tenants: Sequence[str], now: dt.datetime
) -> list[ChannelFigures]:
    """What each channel that has a price costs some tenants, and what it delivered of their newest messages."""
    parameters = {"tenants": list(tenants), "lately": LATELY, "now": now, **_since(now)}
    return [ChannelFigures(**row) for row in await fetch_all(connection, CHANNEL_FIGURES, parameters)]


LAST_WORDS = """
select distinct on (c.tenant, c.customer, r.channel) c.tenant, c.customer, r.channel, r.lasting
from unnest(%(tenants)s::text[], %(customers)s::text[]) as c (tenant, customer)
cross join lateral (
  select id from messages
  where tenant = c.tenant and customer = c.customer and id between %(first_id)s and %(last_id)s
  order by id desc limit %(looked_at)s
) m
cross join lateral (
  select channel, lasting, received_at from reports
  where tenant = c.tenant and message = m.id and message between %(first_id)s and %(last_id)s
    and (lasting or outcome in ('delivered', 'read'))
  offset 0
) r
order by c.tenant, c.customer, r.channel, r.received_at desc
"""

Customer = tuple[str, str]
"""Tenant and customer."""


async def read_unreachable(
    connection: Connection, customers: Collection[Customer], now: dt.datetime
) -> set[tuple[str, str, str]]:
    """On which channels customers can't be reached for now: tenant, customer and channel.

    The last word counts: somebody whom a later message reached there can be.
    """
    asked = sorted(customers)
    parameters = {
        "tenants": [tenant for tenant, _ in asked],
        "customers": [customer for _, customer in asked],
        "looked_at": LOOKED_AT,
        **_since(now),
    }
    rows = await fetch_all(connection, LAST_WORDS, parameters)
    return {(row["tenant"], row["customer"], row["channel"]) for row in rows if row["lasting"]}


def _since(now: dt.datetime) -> dict[str, object]:
    return {"first_id": first_id(now - SPAN), "last_id": last_id(now)}

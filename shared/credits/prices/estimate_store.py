"""SQL of what an estimate stands on. One function a statement; nothing here decides."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from shared.credits.prices.store import current_prices
from shared.platform.database import Connection, fetch_all
from shared.platform.ids import first_id

PRICES = current_prices("tenant = %(tenant)s")


async def read_prices(connection: Connection, tenant: str, now: dt.datetime) -> dict[str, Decimal]:
    """A tenant's prices in won by channel."""
    rows = await fetch_all(connection, PRICES, {"tenant": tenant, "now": now})
    return {row["channel"]: row["price"] for row in rows}


RATES = """
with recent as (
  select route, position, status >= 'delivered' as arrived from messages
  where tenant = %(tenant)s and id >= %(since)s and hold is not null and status in ('failed', 'delivered', 'read')
  order by id desc limit %(limit)s
)
select leg, count(*) as tried, count(*) filter (where arrived and place = position + 1) as delivered
from recent cross join lateral unnest(route[1:position + 1]) with ordinality as tried (leg, place)
group by leg
"""


async def read_rates(
    connection: Connection, tenant: str, *, since: dt.datetime, limit: int
) -> dict[str, tuple[int, int]]:
    """How often each leg of a route was tried and how often it delivered, in the newest messages since a moment."""
    rows = await fetch_all(connection, RATES, {"tenant": tenant, "since": first_id(since), "limit": limit})
    return {row["leg"]: (row["tried"], row["delivered"]) for row in rows}

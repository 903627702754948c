"""SQL of prices. One function a statement; nothing here decides."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from shared.platform.database import Connection, fetch_all


def current_prices(tenants: str) -> str:
    """What tenants pay now, as a part of another statement.

    Args:
        tenants: a condition on the column `tenant`. The statement has a parameter `now`.

    Returns:
        A query of tenant, channel and price.
    """
    return f"""
    select distinct on (tenant, channel) tenant, channel, price from prices
    where {tenants} and valid_from <= %(now)s
    order by tenant, channel, valid_from desc"""


DEFAULT_CHANNELS = "select channel from default_prices order by channel"


async def read_default_channels(connection: Connection) -> list[str]:
    """The channels that there are prices for."""
    return [row["channel"] for row in await fetch_all(connection, DEFAULT_CHANNELS, {})]


INSERT_PRICE = """
insert into prices (tenant, channel, valid_from, price) values (%(tenant)s, %(channel)s, %(valid_from)s, %(price)s)
on conflict (tenant, channel, valid_from) do update set price = excluded.price
"""


async def insert_price(
    connection: Connection, tenant: str, channel: str, valid_from: dt.datetime, price: Decimal
) -> None:
    """A price in won from a moment on."""
    parameters = {"tenant": tenant, "channel": channel, "valid_from": valid_from, "price": price}
    await connection.execute(INSERT_PRICE, parameters)


@dataclass(frozen=True, slots=True)
class Price:
    """A channel's price in won for a delivered message. `valid_from` is None where it holds from the beginning."""

    channel: str
    won: Decimal
    valid_from: dt.datetime | None
    state: Literal["current", "coming"]


PRICE_LIST = """
with held as (
  select channel, max(valid_from) as valid_from from prices
  where tenant = %(tenant)s and valid_from <= %(now)s group by channel
)
select p.channel, p.price as won, nullif(p.valid_from, '-infinity') as valid_from,
  case when p.valid_from <= %(now)s then 'current' else 'coming' end as state
from prices p left join held using (channel)
where p.tenant = %(tenant)s and p.valid_from >= coalesce(held.valid_from, '-infinity')
order by p.channel, p.valid_from
"""


async def read_price_list(connection: Connection, tenant: str, now: dt.datetime) -> list[Price]:
    """A tenant's prices that hold or are to come, in the order of channel and time."""
    return [Price(**row) for row in await fetch_all(connection, PRICE_LIST, {"tenant": tenant, "now": now})]

"""SQL of customers' devices: whose they are, and which are gone. One function a statement."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import orjson

from shared.customers.words import Telling
from shared.platform.database import Connection, fetch_all

Platform = Literal["android", "ios", "web"]
PLATFORMS: tuple[Platform, ...] = get_args(Platform)

# What is given is not deleted beside it: no statement changes a row twice.
DECIDE_DEVICES = """
with told as (
  select * from json_to_recordset(%(told)s::json)
    as t (place int, tenant text, customer text, at timestamptz, tokens jsonb)
),
newest as (
  update customers c set devices_told_at = t.at
  from told t
  where c.tenant = t.tenant and c.id = t.customer and coalesce(c.devices_told_at, '-infinity') <= t.at
  returning t.*
),
given as (
  select distinct on (n.tenant, token) n.tenant, token, n.customer, n.at
  from newest n cross join lateral jsonb_array_elements_text(n.tokens) as token
  order by n.tenant, token, n.at desc, n.place desc
),
gone as (
  delete from customer_devices d
  using newest n
  where d.tenant = n.tenant and d.customer = n.customer and d.added_at <= n.at
    and (d.tenant, d.token) not in (select tenant, token from given)
)
insert into customer_devices (tenant, token, customer, added_at)
select tenant, token, customer, at from given order by tenant, token
on conflict (tenant, token) do update set customer = excluded.customer, added_at = excluded.added_at
where customer_devices.added_at <= excluded.added_at
"""


async def decide_devices(connection: Connection, tellings: Sequence[Telling]) -> None:
    """Take in the devices that are told of customers; of those that tell none, nothing.

    What is told is all that a customer has. A token belongs to whom it was told of last, and what was told later stays.

    Args:
        connection: in the transaction that has told the rest of these customers, whose rows are locked by that.
        tellings: of a customer one. Of two that name one token at one moment the later one counts.
    """
    told = [
        {
            "place": place,
            "tenant": telling.tenant,
            "customer": telling.customer,
            "at": telling.at,
            "tokens": telling.devices,
        }
        for place, telling in enumerate(tellings)
        if telling.devices is not None
    ]
    if told:
        await connection.execute(DECIDE_DEVICES, {"told": orjson.dumps(told).decode()})


class Device(NamedTuple):
    """A device of a customer. `added_at`: when its token was told last."""

    token: str
    platform: str | None
    added_at: dt.datetime


DEVICES = """
select token, platform, added_at from customer_devices
where tenant = %(tenant)s and customer = %(customer)s order by added_at desc, token
"""


async def read_devices(connection: Connection, tenant: str, customer: str) -> list[Device]:
    """A customer's devices, the newest first."""
    rows = await fetch_all(connection, DEVICES, {"tenant": tenant, "customer": customer})
    return [Device(**row) for row in rows]


ADD_DEVICE = """
insert into customer_devices (tenant, token, customer, platform, added_at)
values (%(tenant)s, %(token)s, %(customer)s, %(platform)s, %(now)s)
on conflict (tenant, token) do update
set customer = excluded.customer, platform = coalesce(excluded.platform, customer_devices.platform),
    added_at = excluded.added_at
"""


async def add_device(
    connection: Connection, tenant: str, customer: str, token: str, platform: Platform | None, *, now: dt.datetime
) -> None:
    """Give a device to a customer, whosever it was."""
    parameters = {"tenant": tenant, "customer": customer, "token": token, "platform": platform, "now": now}
    await connection.execute(ADD_DEVICE, parameters)


FORGET_DEVICES = "delete from customer_devices where tenant = %(tenant)s and token = any(%(tokens)s::text[])"


async def forget_devices(connection: Connection, tenant: str, tokens: Sequence[str]) -> int:
    """Forget devices, by their tokens. Gives how many were known."""
    return (await connection.execute(FORGET_DEVICES, {"tenant": tenant, "tokens": list(tokens)})).rowcount


MARK_BOUNCED = """
update customers set email_bounced_at = %(now)s
where tenant = %(tenant)s and id = any(%(customers)s::text[]) and email_bounced_at is null
  and lower(trim(email)) = any(%(addresses)s::text[])
"""


async def mark_bounced(
    connection: Connection, tenant: str, customers: Sequence[str], addresses: Sequence[str], *, now: dt.datetime
) -> None:
    """Write down that e-mail addresses of some customers exist no more. Whose is another by now keeps it."""
    lowered = [address.lower() for address in addresses]
    parameters = {"tenant": tenant, "customers": list(customers), "addresses": lowered, "now": now}
    await connection.execute(MARK_BOUNCED, parameters)

"""SQL of registered cards. One function a statement; nothing here decides."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from shared.platform.database import Connection, fetch_all


def customer_key_of(tenant: str) -> str:
    """What Toss calls the owner of a tenant's card: the tenant, and no person."""
    return f"tenant_{tenant}"


SAVE_BILLING_KEY = """
insert into billing_keys (tenant, customer_key, billing_key, created_at)
values (%(tenant)s, %(customer_key)s, %(billing_key)s, %(now)s)
on conflict (tenant) do update
set customer_key = excluded.customer_key, billing_key = excluded.billing_key, created_at = excluded.created_at
"""


async def save_billing_key(
    connection: Connection, tenant: str, customer_key: str, billing_key: bytes, now: dt.datetime
) -> None:
    """Keep a card's sealed billing key; a new card takes the old one's place."""
    parameters = {"tenant": tenant, "customer_key": customer_key, "billing_key": billing_key, "now": now}
    await connection.execute(SAVE_BILLING_KEY, parameters)


class BillingKey(NamedTuple):
    """A registered card, sealed."""

    customer_key: str
    billing_key: bytes


BILLING_KEY = "select customer_key, billing_key from billing_keys where tenant = %(tenant)s"


async def read_billing_key(connection: Connection, tenant: str) -> BillingKey | None:
    """The card that a tenant registered."""
    rows = await fetch_all(connection, BILLING_KEY, {"tenant": tenant})
    return BillingKey(**rows[0]) if rows else None

"""SQL that reads how accounts at providers are, for whoever runs the platform. Nothing here writes or decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

from shared.messages.dispatch.health.health_store import known
from shared.messages.dispatch.health.rules import Health
from shared.platform.database import Connection, fetch_all
from shared.tenants.store import bucket_of


class Standing(NamedTuple):
    """An account that a tenant sends by, and what is known of the account at the provider.

    carries: the channels that it is for.
    weight: what it was given.
    paused: whether somebody has paused it.
    tenants: all who send by the very same account at the provider.
    health: None where nothing was sent by it yet.
    error, error_at: what its newest failure said.
    closed_until: its provider asked for a pause.
    """

    tenant: str
    id: str
    provider: str
    carries: Sequence[str]
    weight: int
    paused: bool
    tenants: Sequence[str]
    health: Health | None
    error: str | None
    error_at: dt.datetime | None
    closed_until: dt.datetime | None


STANDINGS = f"""
select a.tenant, a.id, a.provider, a.carries, a.weight as given, a.paused_at is not null as paused, b.closed_until,
  h.*, array(
    select distinct o.tenant from provider_accounts o
    where o.active and {bucket_of("o")} = {bucket_of("a")} order by o.tenant
  ) as tenants
from provider_accounts a
left join account_health h on h.identity = {bucket_of("a")}
left join account_buckets b on b.identity = {bucket_of("a")}
where a.active and (%(tenant)s::text is null or a.tenant = %(tenant)s)
order by a.provider, a.tenant, a.place, a.created_at, a.id
"""


async def standings(connection: Connection, tenant: str | None) -> list[Standing]:
    """The active accounts of a tenant, or of all."""
    return [
        Standing(
            row["tenant"],
            row["id"],
            row["provider"],
            row["carries"] or (),
            row["given"],
            row["paused"],
            row["tenants"],
            None if row["identity"] is None else known(row).health,
            row["error"],
            row["error_at"],
            row["closed_until"],
        )
        for row in await fetch_all(connection, STANDINGS, {"tenant": tenant})
    ]

"""What a person should know of a tenant: one open alert of a kind. Alone writes `alerts`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from shared.platform.database import Connection, fetch_all
from shared.platform.logs import log


def raising(source: str) -> str:
    """The statement that raises alerts, as a part of another; it gives whose were not open before.

    Args:
        source: a query of tenant, kind and detail. The statement has a parameter `now`.
    """
    return f"""
  insert into alerts (tenant, kind, detail, raised_at)
  select tenant, kind, detail, %(now)s from ({source}) as wrong (tenant, kind, detail)
  on conflict do nothing
  returning tenant
"""


def resolving(source: str) -> str:
    """The statement that ends open alerts, as a part of another; it gives whose. `source`: a query of tenant, kind."""
    return f"""
  update alerts a set resolved_at = %(now)s from ({source}) as over (tenant, kind)
  where a.tenant = over.tenant and a.kind = over.kind and a.resolved_at = 'infinity'
  returning a.tenant
"""


RAISE_ALERTS = raising(
    "select tenant, %(kind)s::text, detail from unnest(%(tenants)s::text[], %(details)s::text[]) as t (tenant, detail)"
)


async def raise_alerts(connection: Connection, kind: str, details: Mapping[str, str], now: dt.datetime) -> None:
    """Tell a person of several tenants; `details` has a sentence for each. An alert that is open already says it."""
    parameters = {"kind": kind, "tenants": list(details), "details": list(details.values()), "now": now}
    for row in await fetch_all(connection, RAISE_ALERTS, parameters):
        log("alerts").warning("alert raised", extra={"fields": {"kind": kind, "tenant": row["tenant"]}})


async def raise_alert(connection: Connection, tenant: str, kind: str, detail: str, now: dt.datetime) -> None:
    """Tell a person; an alert of that kind that is open already says it."""
    await raise_alerts(connection, kind, {tenant: detail}, now)


RESOLVE_ALERTS = resolving("select %(tenant)s::text, unnest(%(kinds)s::text[])")


async def resolve_alerts(connection: Connection, tenant: str, kinds: Sequence[str], now: dt.datetime) -> None:
    """What a person was told of a tenant is over."""
    await connection.execute(RESOLVE_ALERTS, {"tenant": tenant, "kinds": list(kinds), "now": now})


RESOLVE_RAISED_BEFORE = resolving(
    "select tenant, kind from alerts where kind = %(kind)s and resolved_at = 'infinity' and raised_at < %(before)s"
)


async def resolve_raised_before(connection: Connection, kind: str, before: dt.datetime, now: dt.datetime) -> None:
    """What a person was told before a moment is over; should it go on, it is raised anew."""
    await connection.execute(RESOLVE_RAISED_BEFORE, {"kind": kind, "before": before, "now": now})


RESOLVE_ALL_BUT = resolving(
    "select tenant, kind from alerts"
    " where kind = %(kind)s and resolved_at = 'infinity' and tenant <> all(%(tenants)s::text[])"
)


async def resolve_all_but(connection: Connection, kind: str, tenants: Sequence[str], now: dt.datetime) -> None:
    """What a person was told is over, for all but some tenants."""
    await connection.execute(RESOLVE_ALL_BUT, {"kind": kind, "tenants": list(tenants), "now": now})

"""What a person should know of a tenant: one open alert of a kind."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from shared.platform.database import Connection
from shared.platform.logs import log

RAISE_ALERT = """
insert into alerts (tenant, kind, detail, raised_at) values (%(tenant)s, %(kind)s, %(detail)s, %(now)s)
on conflict do nothing
"""


async def raise_alert(connection: Connection, tenant: str, kind: str, detail: str, now: dt.datetime) -> None:
    """Tell a person; an alert of that kind that is open already says it."""
    await connection.execute(RAISE_ALERT, {"tenant": tenant, "kind": kind, "detail": detail, "now": now})
    log("alerts").warning("alert raised", extra={"fields": {"kind": kind, "tenant": tenant}})


RESOLVE_ALERT = """
update alerts set resolved_at = %(now)s where tenant = %(tenant)s and kind = any(%(kinds)s) and resolved_at = 'infinity'
"""


async def resolve_alerts(connection: Connection, tenant: str, kinds: Sequence[str], now: dt.datetime) -> None:
    await connection.execute(RESOLVE_ALERT, {"tenant": tenant, "kinds": list(kinds), "now": now})

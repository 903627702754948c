"""SQL of the daily audit's alerts. One function a statement; nothing here decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from shared.platform.database import Connection

RAISE = """
insert into alerts (tenant, kind, detail, raised_at)
select tenant, 'ledger_difference', detail, %(now)s
from unnest(%(tenants)s::text[], %(details)s::text[]) as found (tenant, detail)
on conflict do nothing
"""


async def raise_differences(connection: Connection, details: Mapping[str, str], now: dt.datetime) -> None:
    """Tell of tenants whose ledger differs; an alert that is open already says it. `details`: a sentence by tenant."""
    parameters = {"tenants": list(details), "details": list(details.values()), "now": now}
    await connection.execute(RAISE, parameters)


RESOLVE = """
update alerts set resolved_at = %(now)s
where kind = 'ledger_difference' and resolved_at = 'infinity' and tenant <> all(%(wrong)s::text[])
"""


async def resolve_differences(connection: Connection, wrong: Sequence[str], now: dt.datetime) -> None:
    """Close what was told of tenants that are not among the `wrong` ones any more."""
    await connection.execute(RESOLVE, {"wrong": list(wrong), "now": now})

"""SQL of what is due. One function a statement; nothing here decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from shared.platform.database import Connection, fetch_all
from shared.workflows.planning import Timer

TAKE_DUE_TIMERS = """
with due as (
  select tenant, workflow, key, step from timers
  where due_at <= %(now)s and tenant <> all(%(without)s::text[])
  order by due_at
  limit %(limit)s
  for update skip locked
),
taken as (
  delete from timers t using due d
  where t.tenant = d.tenant and t.workflow = d.workflow and t.key = d.key and t.step = d.step
  returning t.*
)
select t.step, t.due_at, n.revision as tenant_revision, r.*, to_jsonb(c) - 'tenant' - 'as_of' as person
from taken t
join runs r using (tenant, workflow, key)
join tenants n on n.id = t.tenant
left join customers c on c.tenant = r.tenant and c.id = r.customer
"""


async def take_due_timers(
    connection: Connection, now: dt.datetime, limit: int, *, without: Sequence[str]
) -> list[dict[str, Any]]:
    """Take what is due, oldest first, with its run and customer. What is taken is gone when the transaction commits;
    whoever takes at the same time takes other rows. The steps of the tenants `without` stay."""
    return await fetch_all(connection, TAKE_DUE_TIMERS, {"now": now, "limit": limit, "without": list(without)})


NEXT_DUE = "select min(due_at) as due_at from timers where tenant <> all(%(without)s::text[])"


async def next_due(connection: Connection, *, without: Sequence[str]) -> dt.datetime | None:
    """When the next step of any tenant but those `without` is due."""
    due_at: dt.datetime | None = (await fetch_all(connection, NEXT_DUE, {"without": list(without)}))[0]["due_at"]
    return due_at


def timer_of(row: Mapping[str, Any]) -> Timer:
    return Timer(row["tenant"], row["workflow"], row["key"], row["step"], row["due_at"])

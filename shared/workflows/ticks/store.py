"""SQL of what is due. One function a statement; nothing here decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

from shared.customers.store import Person, person_of
from shared.platform.database import Connection, fetch_all
from shared.workflows.runs import Run
from shared.workflows.store import run_of

TAKE_DUE_TIMERS = f"""
with due as (
  select tenant, workflow, key, step from timers
  where due_at <= %(now)s and tenant <> all(%(without)s::text[]) and coalesce(tenant = any(%(only)s::text[]), true)
  order by due_at
  limit %(limit)s
  for update skip locked
),
taken as (
  delete from timers t using due d
  where t.tenant = d.tenant and t.workflow = d.workflow and t.key = d.key and t.step = d.step
  returning t.*
)
select t.step, t.due_at, n.revision as tenant_revision, r.*, {person_of("c")} as person
from taken t
join runs r using (tenant, workflow, key)
join tenants n on n.id = t.tenant
left join customers c on c.tenant = r.tenant and c.id = r.customer
"""


class DueStep(NamedTuple):
    """A step whose moment has come. `person` is its run's customer, None where nobody knows one."""

    run: Run
    step: int
    due_at: dt.datetime
    person: Person | None
    tenant_revision: int


async def take_due_timers(
    connection: Connection, now: dt.datetime, limit: int, *, without: Sequence[str], only: Sequence[str] | None = None
) -> list[DueStep]:
    """Take what is due, oldest first, with its run and customer. What is taken is gone when the transaction commits;
    whoever takes at the same time takes other rows. The steps of the tenants `without` stay, and where some tenants are
    named by `only`, those of all others."""
    parameters = {"now": now, "limit": limit, "without": list(without), "only": None if only is None else list(only)}
    rows = await fetch_all(connection, TAKE_DUE_TIMERS, parameters)
    return [DueStep(run_of(row), row["step"], row["due_at"], row["person"], row["tenant_revision"]) for row in rows]


DUE_TENANTS = """
select distinct tenant from (
  select tenant from timers
  where due_at <= %(now)s and tenant <> all(%(without)s::text[])
  order by due_at limit %(limit)s
) as due
order by tenant
"""


async def due_tenants(connection: Connection, now: dt.datetime, limit: int, *, without: Sequence[str]) -> list[str]:
    """Whose steps `take_due_timers` would take."""
    parameters = {"now": now, "limit": limit, "without": list(without)}
    return [row["tenant"] for row in await fetch_all(connection, DUE_TENANTS, parameters)]


SKIP_DUE = """
with skipped as (delete from timers where due_at < %(before)s returning 1)
select count(*) as count from skipped
"""


async def skip_due(connection: Connection, before: dt.datetime) -> int:
    """Leave out every step that is due before a moment: it never speaks. Returns how many there were."""
    [row] = await fetch_all(connection, SKIP_DUE, {"before": before})
    return int(row["count"])


NEXT_DUE = "select min(due_at) as due_at from timers where tenant <> all(%(without)s::text[])"


async def next_due(connection: Connection, *, without: Sequence[str]) -> dt.datetime | None:
    """When the next step of any tenant but those `without` is due."""
    due_at: dt.datetime | None = (await fetch_all(connection, NEXT_DUE, {"without": list(without)}))[0]["due_at"]
    return due_at

"""SQL of what is due. One function a statement; nothing here decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple

from shared.customers.store import Person, person_of
from shared.platform.database import Connection, fetch_all
from shared.workflows.runs import Run
from shared.workflows.store import run_of


def _taking(due: str) -> str:
    """A statement that takes steps with their runs and customers.

    Args:
        due: a query of their places in the table, `place`, which locks them.
    """
    return f"""
with due as ({due}),
taken as (delete from timers where ctid = any(array(select place from due)) returning *)
select t.step, t.due_at, n.revision as tenant_revision, r.*, c.person
from taken t
join tenants n on n.id = t.tenant
-- Each by its key, whatever the planner believes about tables that have just grown.
cross join lateral (select * from runs where tenant = t.tenant and workflow = t.workflow and key = t.key limit 1) r
left join lateral (
  select {person_of("c")} as person from customers c where c.tenant = r.tenant and c.id = r.customer limit 1
) c on true
"""


TAKE_OLDEST = _taking("""
  select ctid as place from timers
  where due_at <= %(now)s and tenant <> all(%(without)s::text[])
  order by due_at limit %(limit)s for update skip locked
""")

# The tenants are gone through in their order, and no further than the limit: nothing of the others is read.
TAKE_SHARES = _taking("""
  select place from unnest(%(tenants)s::text[]) as w (tenant)
  cross join lateral (
    select ctid as place from timers where tenant = w.tenant and due_at <= %(now)s
    order by due_at limit %(share)s for update skip locked
  ) t
  limit %(limit)s
""")


class DueStep(NamedTuple):
    """A step whose moment has come. `person` is its run's customer, None where nobody knows one."""

    run: Run
    step: int
    due_at: dt.datetime
    person: Person | None
    tenant_revision: int


async def _taken(connection: Connection, statement: str, parameters: dict[str, Any]) -> list[DueStep]:
    rows = await fetch_all(connection, statement, parameters)
    return [DueStep(run_of(row), row["step"], row["due_at"], row["person"], row["tenant_revision"]) for row in rows]


async def take_oldest(connection: Connection, now: dt.datetime, limit: int, *, without: Sequence[str]) -> list[DueStep]:
    """Take what is due, those first that are due longest. What is taken is gone when the transaction commits; whoever
    takes at the same time takes other rows. The steps of the tenants `without` stay."""
    return await _taken(connection, TAKE_OLDEST, {"now": now, "limit": limit, "without": list(without)})


async def take_shares(
    connection: Connection, now: dt.datetime, limit: int, *, tenants: Sequence[str], share: int
) -> list[DueStep]:
    """Take what is due of these tenants, of one after the other and of each `share` at most, until there are `limit` in
    all."""
    parameters = {"now": now, "limit": limit, "tenants": list(tenants), "share": share}
    return await _taken(connection, TAKE_SHARES, parameters)


# An index that begins with the tenant is walked from one to the next, so that a crowd costs no more than anybody.
DUE_TENANTS = """
with recursive walked as (
  (select tenant from timers order by tenant limit 1)
  union all
  select (select t.tenant from timers t where t.tenant > w.tenant order by t.tenant limit 1)
  from walked w where w.tenant is not null
)
select w.tenant from walked w
cross join lateral (select from timers t where t.tenant = w.tenant and t.due_at <= %(now)s limit 1) is_due
where w.tenant <> all(%(without)s::text[])
"""


async def due_tenants(connection: Connection, now: dt.datetime, *, without: Sequence[str]) -> list[str]:
    """Who has steps that are due, but for the tenants `without`."""
    parameters = {"now": now, "without": list(without)}
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

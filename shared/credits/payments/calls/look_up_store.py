"""SQL of look-ups that are owed: somebody, perhaps Toss, said that something became of an order."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple
from uuid import UUID

from shared.platform.database import Connection, fetch_all
from shared.platform.loops.sweeps import put_off


class KnownOrder(NamedTuple):
    """What a call has to know of an order. `deposit_secret`: what only Toss and we know of a deposit's payment."""

    tenant: str
    deposit_secret: str | None


KNOWN_ORDER = "select tenant, deposit_secret from payment_orders where id = %(order)s"


async def known_order(connection: Connection, order: str) -> KnownOrder | None:
    """An order that there is."""
    rows = await fetch_all(connection, KNOWN_ORDER, {"order": order})
    return KnownOrder(**rows[0]) if rows else None


TELL = """
insert into payment_look_ups as l (tenant, order_id, look_at) values (%(tenant)s, %(order)s, %(now)s)
on conflict (tenant, order_id) do update set telling = gen_random_uuid(), owed = true
where not l.owed or l.telling is not distinct from l.taken
"""


async def tell(connection: Connection, tenant: str, order: str, now: dt.datetime) -> None:
    """Owe an order a look-up that begins after this.

    However often it is told, one is owed beside the one that may be under way; more tellings write nothing.
    """
    await connection.execute(TELL, {"tenant": tenant, "order": order, "now": now})


DECIDE_LOOK_UPS = f"""
with over as (
  select tenant, order_id from payment_look_ups where not owed and look_at <= %(now)s
  order by look_at, tenant, order_id limit 1000 for update skip locked
),
gone as (delete from payment_look_ups l using over o where l.tenant = o.tenant and l.order_id = o.order_id),
turns as (
  select tenant, order_id, look_at, row_number() over (partition by tenant order by look_at, order_id) as turn
  from payment_look_ups where owed and look_at <= %(now)s
),
taken as (
  select l.tenant, l.order_id from payment_look_ups l
  join (select * from turns order by turn, look_at, tenant, order_id limit %(limit)s) t
    on t.tenant = l.tenant and t.order_id = l.order_id
  where l.owed and l.look_at <= %(now)s
  for update of l skip locked
)
update payment_look_ups l
set taken = l.telling, tries = least(l.tries + 1, 20),
    look_at = {put_off("l.tries")}
from taken t where l.tenant = t.tenant and l.order_id = t.order_id
returning l.tenant, l.order_id as id, l.telling
"""


class LookUp(NamedTuple):
    """An order that is to be looked at. `telling`: what had been said of it last when that began."""

    tenant: str
    id: str
    telling: UUID


async def decide_look_ups(
    connection: Connection, *, now: dt.datetime, first: dt.timedelta, longest: dt.timedelta, limit: int
) -> list[LookUp]:
    """Orders to look at now: the one that each tenant has waited with for longest, then each one's second, and so on.

    So who makes much be said of many orders waits for itself. What is taken is put off.

    Args:
        connection: in autocommit.
        now: the moment.
        first: until the second try; each later one waits twice as long.
        longest: and that at most.
        limit: of all.
    """
    rows = await fetch_all(
        connection, DECIDE_LOOK_UPS, {"now": now, "first": first, "longest": longest, "limit": limit}
    )
    return [LookUp(**row) for row in rows]


LOOKED = """
update payment_look_ups set owed = owed and telling <> %(telling)s, tries = 0, look_at = %(again_at)s
where tenant = %(tenant)s and order_id = %(order)s
"""


async def looked(connection: Connection, done: LookUp, again_at: dt.datetime) -> None:
    """It was looked at, which settles what had been said by then. What was said since is owed from `again_at` on."""
    parameters = {"tenant": done.tenant, "order": done.id, "telling": done.telling, "again_at": again_at}
    await connection.execute(LOOKED, parameters)

"""SQL of turns: which tickets of a crowd are taken next is decided where they are marked as taken."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from shared.contracts import SendTicket
from shared.platform.database import Connection, fetch_all
from shared.platform.pubsub import BULK_SEND_REQUESTS

_IN_TURN = f"topic = '{BULK_SEND_REQUESTS}'"

# The index that holds these rows alone is walked from tenant to tenant, so one's many tickets cost the others nothing.
DECIDE_TURNS = f"""
with recursive crowds as (
  (select tenant from outbox where {_IN_TURN} order by tenant limit 1)
  union all
  select (select o.tenant from outbox o where o.{_IN_TURN} and o.tenant > c.tenant order by o.tenant limit 1)
  from crowds c where c.tenant is not null
),
first_ones as (
  select t.tenant, t.id, t.round, coalesce(array_position(%(served)s::text[], t.tenant), 0) as served
  from crowds c
  cross join lateral (
    select o.tenant, o.id, row_number() over (order by o.id) as round from (
      select tenant, id from outbox
      where tenant = c.tenant and {_IN_TURN} and (coalesce(held_until, '-infinity') <= %(now)s or id = any(%(asked)s))
      order by id limit %(limit)s
    ) o
  ) t
),
in_turn as (
  select f.tenant, f.id, f.round, f.served from first_ones f order by f.round, f.served, f.tenant limit %(limit)s
),
fitting as (
  select i.*,
    sum(o.messages) over (order by i.round, i.served, i.tenant) as so_far,
    row_number() over (order by i.round, i.served, i.tenant) as turn
  from in_turn i cross join lateral (
    select jsonb_array_length(body -> 'messages') as messages from outbox where tenant = i.tenant and id = i.id
  ) o
),
locked as (
  -- In one order for all, for each instance has its own turns: two that take at once must not wait for each other.
  select f.tenant, f.id, f.turn
  from (select * from fitting where turn = 1 or so_far <= %(most)s order by tenant, id) f
  cross join lateral (
    select from outbox
    where tenant = f.tenant and id = f.id and (coalesce(held_until, '-infinity') <= %(now)s or id = any(%(asked)s))
    for no key update
  ) o
)
update outbox o set held_until = %(until)s
from locked l
where o.tenant = l.tenant and o.id = l.id
returning o.body, l.turn
"""


async def decide_turns(
    connection: Connection,
    asked: Sequence[SendTicket],
    *,
    served: Sequence[str],
    now: dt.datetime,
    until: dt.datetime,
    most: int,
) -> list[SendTicket]:
    """Tickets of crowds to take instead of those that came: of each tenant the oldest, and then of each the next.

    A ticket that waits for something, or that another instance has, has no turn, unless it is one that came.

    Args:
        connection: in autocommit; the statement is the transaction.
        asked: those that came. So many are taken at most.
        served: tenants in the order in which they had their last turns here. Whoever had none comes first.
        now: the moment.
        until: what is taken has no other turn before.
        most: messages that the tickets have in all, unless the first one alone has more.

    Returns:
        Those that are taken, in turn. None: there is no ticket left, or others took the same ones a moment ago.
    """
    parameters = {
        "asked": [ticket.id for ticket in asked],
        "limit": len(asked),
        "served": list(served),
        "now": now,
        "until": until,
        "most": most,
    }
    rows = await fetch_all(connection, DECIDE_TURNS, parameters)
    return [SendTicket.model_validate(row["body"]) for row in sorted(rows, key=lambda row: row["turn"])]

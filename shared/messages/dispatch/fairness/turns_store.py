"""SQL of turns: which tickets of a crowd are taken next is decided where they are marked as taken."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from shared.contracts.tickets import SendTicket
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
waiting as (
  select t.tenant, t.id, false as held, row_number() over (partition by t.tenant order by t.id) as round
  from crowds c
  cross join lateral (
    select o.tenant, o.id from outbox o
    where o.tenant = c.tenant and o.{_IN_TURN} and coalesce(o.held_until, '-infinity') <= %(now)s
    order by o.id limit %(limit)s
  ) t
  union all
  -- Somebody has these, and may have ended; there is no turn in them while others wait, or one would be done twice for
  -- another that is left.
  select o.tenant, o.id, true, row_number() over (partition by o.tenant order by o.id)
  from unnest(%(asked_tenants)s::text[], %(asked)s::uuid[]) as a (tenant, id)
  join outbox o on o.tenant = a.tenant and o.id = a.id and o.{_IN_TURN} and o.held_until > %(now)s
),
in_turn as (
  select w.*, row_number() over (order by w.held, w.round, s.served, w.tenant) as turn
  from waiting w
  cross join lateral (select coalesce(array_position(%(served)s::text[], w.tenant), 0) as served) s
  order by turn limit %(limit)s
),
fitting as (
  select i.*, sum(o.messages) over (order by i.turn) as so_far
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
    where tenant = f.tenant and id = f.id and (f.held or coalesce(held_until, '-infinity') <= %(now)s)
    for no key update
  ) o
),
taken as (
  update outbox o set held_until = %(until)s
  from locked l
  where o.tenant = l.tenant and o.id = l.id
  returning o.body, l.turn
)
select t.body from (select from in_turn limit 1) as there left join taken t on true order by t.turn
"""


async def decide_turns(
    connection: Connection,
    asked: Sequence[SendTicket],
    *,
    served: Sequence[str],
    now: dt.datetime,
    until: dt.datetime,
    most: int,
) -> list[SendTicket] | None:
    """Tickets of crowds to take instead of those that came: of each tenant the oldest, and then of each the next.

    A ticket that waits for something, or that another instance has, has no turn; one that came has, after all others.

    Args:
        connection: in autocommit; the statement is the transaction.
        asked: those that came. So many are taken at most.
        served: tenants in the order in which they had their last turns here. Whoever had none comes first.
        now: the moment.
        until: what is taken has no other turn before.
        most: messages that the tickets have in all, unless the first one alone has more.

    Returns:
        Those that are taken, in turn; empty when there is no ticket left. None: others took the same ones a moment ago.
    """
    parameters = {
        "asked_tenants": [ticket.tenant for ticket in asked],
        "asked": [ticket.id for ticket in asked],
        "limit": len(asked),
        "served": list(served),
        "now": now,
        "until": until,
        "most": most,
    }
    rows = await fetch_all(connection, DECIDE_TURNS, parameters)
    if rows and rows[0]["body"] is None:
        return None
    return [SendTicket.model_validate(row["body"]) for row in rows]

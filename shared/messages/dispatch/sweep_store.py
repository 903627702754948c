"""SQL of what has waited too long. One function a statement.

What is taken is put off in the same statement, for others take at the same time: so it decides when that is due again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypedDict, Unpack
from uuid import UUID

import orjson

from shared.contracts.channels import last_word_of, last_word_of_leg
from shared.messages.status import Status
from shared.platform.database import Connection, fetch_all
from shared.platform.database.keys import is_one
from shared.platform.loops.sweeps import put_off

DispatchState = Literal["open", "prepared", "sent", "closed", "abandoned"]

# An index that begins with the tenant is walked from one to the next: one's many tickets cost the others nothing.
DECIDE_TICKETS_AGAIN = f"""
with recursive tenants_with_tickets as (
  (select tenant from outbox order by tenant limit 1)
  union all
  select (select o.tenant from outbox o where o.tenant > t.tenant order by o.tenant limit 1)
  from tenants_with_tickets t where t.tenant is not null
),
due as (
  select o.*, row_number() over (partition by o.tenant order by o.publish_at, o.id) as turn
  from tenants_with_tickets t
  cross join lateral (
    select tenant, id, publish_at from outbox where tenant = t.tenant and publish_at <= %(now)s
    order by publish_at, id limit %(limit)s
  ) o
),
-- Twice as many as are wanted: another tick may have the first of them at this moment.
in_turn as (select tenant, id, turn, publish_at from due order by turn, publish_at limit 2 * %(limit)s),
waiting as (
  select o.tenant, o.id from in_turn d
  join outbox o on o.tenant = d.tenant and o.id = d.id and o.publish_at <= %(now)s
  order by d.turn, d.publish_at limit %(limit)s for update of o skip locked
)
update outbox o
set attempts = o.attempts + 1,
    publish_at = {put_off("o.attempts")}
from waiting w where o.tenant = w.tenant and o.id = w.id
returning o.topic, o.body
"""


class TicketAgain(NamedTuple):
    """A ticket as it is published, and where."""

    topic: str
    body: Mapping[str, Any]


async def decide_tickets_again(
    connection: Connection, *, now: dt.datetime, patience: dt.timedelta, longest: dt.timedelta, limit: int
) -> list[TicketAgain]:
    """Tickets to publish again: of each tenant the one that is due longest, then of each the next. Each waits twice as
    long for its next time: first `patience`, and `longest` at most."""
    parameters = {"now": now, "first": patience, "longest": longest, "limit": limit}
    return [TicketAgain(**row) for row in await fetch_all(connection, DECIDE_TICKETS_AGAIN, parameters)]


UNCONSUMED = """
select tenant, id, topic, body from outbox
where (tenant, id) > (%(tenant)s, %(id)s) and (attempts >= %(at_least)s or publish_at > %(put_off_beyond)s)
order by tenant, id limit %(limit)s
"""


class UnconsumedTicket(NamedTuple):
    """A ticket that was published in vain or is put off for long, and the topic that it waits for."""

    tenant: str
    id: UUID
    topic: str
    body: Mapping[str, Any]


async def unconsumed(
    connection: Connection, *, after: tuple[str, UUID], at_least: int, put_off_beyond: dt.datetime, limit: int
) -> list[UnconsumedTicket]:
    """Tickets that were published again `at_least` so often or are put off beyond a moment, in the order of tenant and
    id, and of those the next ones `after`."""
    tenant, id_ = after
    parameters = {
        "tenant": tenant,
        "id": id_,
        "at_least": at_least,
        "put_off_beyond": put_off_beyond,
        "limit": limit,
    }
    return [UnconsumedTicket(**row) for row in await fetch_all(connection, UNCONSUMED, parameters)]


STILL_WAITING = """
select t.tenant, t.id as ticket, m.id, m.expires_at < %(now)s as over
from unnest(%(tenants)s::text[], %(ids)s::uuid[], %(bodies)s::jsonb[]) as t (tenant, id, body)
cross join lateral jsonb_array_elements_text(t.body -> 'messages') as listed (id)
-- Each by its key: a planner that thinks of many would read all that were ever sent.
cross join lateral (
  select id, expires_at from messages where tenant = t.tenant and id = listed.id::uuid and status = 'queued' offset 0
) m
"""


class StillWaiting(NamedTuple):
    """A queued message that a ticket names. `over`: its moment is."""

    tenant: str
    ticket: UUID
    id: UUID
    over: bool


async def still_waiting(
    connection: Connection, tickets: Sequence[UnconsumedTicket], now: dt.datetime
) -> list[StillWaiting]:
    """Of the messages that tickets name, those that wait to be claimed."""
    parameters = {
        "tenants": [ticket.tenant for ticket in tickets],
        "ids": [ticket.id for ticket in tickets],
        "bodies": [orjson.dumps(ticket.body).decode() for ticket in tickets],
        "now": now,
    }
    return [StillWaiting(**row) for row in await fetch_all(connection, STILL_WAITING, parameters)]


class TakenDispatch(NamedTuple):
    """A dispatch that is ours to look after for now. `batch`: the provider's id for it, once there is one; `begun_at`:
    when its provider was called, where one call sends; `revision`: the tenant's."""

    tenant: str
    id: UUID
    account: str
    state: DispatchState
    batch: str | None
    created_at: dt.datetime
    begun_at: dt.datetime | None
    revision: int


class Taking(TypedDict):
    """How dispatches are taken that are due.

    now: the moment.
    first, longest: until one that is taken is due again, and how long that may become.
    limit: so many at most.
    without: tenants whose dispatches stay.
    """

    now: dt.datetime
    first: dt.timedelta
    longest: dt.timedelta
    limit: int
    without: Sequence[str]


def _taking(which: str, *, by: str, put_off: str) -> str:
    """A statement that takes dispatches, those first that are due longest, and says when they are due again.

    Args:
        which: what those that are due have, in SQL.
        by: the column by which they are.
        put_off: what changes of one that is taken, `d`.
    """
    return f"""
with due as (
  select tenant, id from dispatches
  where {which} and tenant <> all(%(without)s::text[])
  order by {by} limit %(limit)s for update skip locked
)
update dispatches d set updated_at = %(now)s, {put_off}
from due join tenants t on t.id = due.tenant
where d.tenant = due.tenant and d.id = {is_one("due.id")}
returning d.tenant, d.id, d.account, d.state::text, d.provider_batch_id as batch, d.created_at, d.begun_at, t.revision
"""


async def _taken(connection: Connection, statement: str, taking: Taking) -> list[TakenDispatch]:
    parameters = {**taking, "without": list(taking["without"])}
    return [TakenDispatch(**row) for row in await fetch_all(connection, statement, parameters)]


DECIDE_LEASES = _taking(
    "state in ('open', 'prepared') and lease_until < %(now)s",
    by="lease_until",
    put_off=f"takes = d.takes + 1, lease_until = {put_off('d.takes')}",
)


async def decide_leases(connection: Connection, **taking: Unpack[Taking]) -> list[TakenDispatch]:
    """Dispatches whose instance has not been heard of since its lease was over. They are ours for `first`, and each
    later time for twice as long, `longest` at most; then whoever sweeps takes them again. Those of the tenants
    `without` stay."""
    return await _taken(connection, DECIDE_LEASES, taking)


def deciding_deadline(moment: str) -> str:
    """When a sent dispatch `d` is looked at for the end of a channel's time, as a part of another statement: the first
    of its messages that may still go on to their next channel says so. `mark_sent` says the same of what it sends.

    Args:
        moment: what a message says, of its `deadline`.
    """
    return f"""(
      select min({moment}) from messages m
      cross join lateral (select d.created_at + make_interval(secs => m.deadlines[m.position + 1]) as deadline) as over
      where m.tenant = d.tenant and m.id = any(d.messages) and m.dispatch = d.id and m.status in ('sending', 'sent')
        and m.position + 1 < cardinality(m.route)
    )"""


DECIDE_CHECKS = _taking(
    "state = 'sent' and check_at <= %(now)s",
    by="check_at",
    put_off=f"checks = d.checks + 1, check_at = {put_off('d.checks')}",
)


async def decide_checks(connection: Connection, **taking: Unpack[Taking]) -> list[TakenDispatch]:
    """Sent dispatches to look at now. Each waits twice as long for its next time: first `first`, and `longest` at
    most. Those of the tenants `without` stay."""
    return await _taken(connection, DECIDE_CHECKS, taking)


# What is over for an hour is looked at in an hour again: so the wait doubles, and needs no count.
_DECIDE_AGAIN = """case
        when deadline > %(now)s then deadline
        else %(now)s + least(greatest(%(first)s, %(now)s - deadline), %(longest)s) end"""

DECIDE_DEADLINES = _taking(
    "state = 'sent' and deadline_at <= %(now)s",
    by="deadline_at",
    put_off=f"deadline_at = {deciding_deadline(_DECIDE_AGAIN)}",
)


async def decide_deadlines(connection: Connection, **taking: Unpack[Taking]) -> list[TakenDispatch]:
    """Sent dispatches of which a channel's time may be over. Each is due again at its next deadline; while a message of
    it stays beyond its own, after `first`, and then after as long as that has been over, `longest` at most. Those of
    the tenants `without` stay."""
    return await _taken(connection, DECIDE_DEADLINES, taking)


class OpenMessage(NamedTuple):
    """A message of a dispatch that has no end yet. Its channel is given until `deadline_at`."""

    tenant: str
    dispatch: UUID
    id: UUID
    attempt: int
    status: Status
    channel: str
    deadline_at: dt.datetime
    route_goes_on: bool

    @property
    def last_word(self) -> dt.timedelta:
        """After its dispatch, how long the last report on it may take."""
        return last_word_of_leg(self.channel) if self.status is Status.SENDING else last_word_of(self.channel)


UNSETTLED = """
select m.tenant, m.dispatch, m.id, m.attempt, m.status::text, m.channel,
  d.created_at + make_interval(secs => m.deadlines[m.position + 1]) as deadline_at,
  m.position + 1 < cardinality(m.route) as route_goes_on
from unnest(%(tenants)s::text[], %(dispatches)s::uuid[]) as asked (tenant, dispatch)
join dispatches d on d.tenant = asked.tenant and d.id = asked.dispatch
cross join lateral (
  select * from messages
  where tenant = d.tenant and id = any(d.messages) and dispatch = d.id and status in ('sending', 'sent', 'unknown')
  offset 0
) m
"""


async def unsettled(connection: Connection, dispatches: Sequence[TakenDispatch]) -> list[OpenMessage]:
    """The messages of some dispatches that have no end yet, and until when their channel is given."""
    rows = await fetch_all(connection, UNSETTLED, _named(dispatches))
    return [OpenMessage(**{**row, "status": Status(row["status"])}) for row in rows]


CLOSE = f"""
update dispatches d set state = 'closed', check_at = null, updated_at = %(now)s
from unnest(%(tenants)s::text[], %(dispatches)s::uuid[]) as c (tenant, id)
where d.tenant = c.tenant and d.id = {is_one("c.id")} and d.state = 'sent'
"""


async def close(connection: Connection, dispatches: Sequence[TakenDispatch], now: dt.datetime) -> None:
    """Every message of these dispatches has its end."""
    await connection.execute(CLOSE, {**_named(dispatches), "now": now})


CLOSE_UNDECIDED = """
update dispatches set state = 'closed', error = %(error)s, check_at = null, updated_at = %(now)s
where tenant = %(tenant)s and id = %(id)s and state = 'prepared'
"""


async def close_undecided(connection: Connection, dispatch: TakenDispatch, error: str, now: dt.datetime) -> None:
    """Nobody will ever know whether this dispatch was sent, and each of its messages has its end."""
    parameters = {"tenant": dispatch.tenant, "id": dispatch.id, "error": error, "now": now}
    await connection.execute(CLOSE_UNDECIDED, parameters)


def _named(dispatches: Sequence[TakenDispatch]) -> dict[str, Any]:
    return {
        "tenants": [dispatch.tenant for dispatch in dispatches],
        "dispatches": [dispatch.id for dispatch in dispatches],
    }

"""SQL of calls to providers: prepared or begun, sent, or lost. One function a statement; nothing here decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from shared.messages.dispatch.health.health_store import Tally, counted, deciding_counts
from shared.platform.database import Connection, fetch_all
from shared.platform.database.keys import is_one
from shared.platform.ids import months_of

MARK_PREPARED = """
update dispatches
set state = 'prepared', provider_batch_id = %(batch)s, updated_at = %(now)s, lease_until = %(lease_until)s
where tenant = %(tenant)s and id = %(id)s and state = 'open'
returning id
"""


async def mark_prepared(
    connection: Connection, tenant: str, dispatch: UUID, *, batch: str, now: dt.datetime, lease_until: dt.datetime
) -> bool:
    """Write down what the provider calls the batch, before it is told to send. False: the dispatch is not ours now."""
    parameters = {"tenant": tenant, "id": dispatch, "batch": batch, "now": now, "lease_until": lease_until}
    return bool(await fetch_all(connection, MARK_PREPARED, parameters))


def _marking_sent(counted: str) -> str:
    return f"""
with carried as (
  -- Locked in the order of reports, which may already speak of these messages.
  select s.*, m.*
  from (
    select * from unnest(%(ids)s::uuid[], %(channels)s::text[], %(provider_message_ids)s::text[])
      as s (id, channel, provider_message_id)
    order by id
  ) s
  cross join lateral (
    select tableoid as part, ctid as place, status,
      make_interval(secs => deadlines[position + 1]) as deadline, position + 1 < cardinality(route) as may_go_on
    from messages
    where tenant = %(tenant)s and id = {is_one("s.id")} and dispatch = %(id)s and status in ('sending', 'sent')
      and id between %(first_id)s and %(last_id)s
    limit 1 for no key update
  ) m
),
told as (
  -- It is looked at again when the first of its messages may go on to its next channel; see `deciding_deadline`.
  update dispatches d
  set state = 'sent', provider_batch_id = coalesce(%(batch)s, provider_batch_id), updated_at = %(now)s,
      check_at = %(check_at)s, deadline_at = d.created_at + first.deadline
  from (select min(deadline) filter (where may_go_on) as deadline from carried) first
  where tenant = %(tenant)s and id = %(id)s and state = 'prepared'
){counted}
update messages m
set status = 'sent', channel = s.channel, updated_at = %(now)s,
    provider_message_id = coalesce(s.provider_message_id, m.provider_message_id)
from carried s
where m.ctid = s.place and m.tableoid = s.part and m.id between %(first_id)s and %(last_id)s and s.status = 'sending'
"""


MARK_SENT = _marking_sent("")
MARK_SENT_AND_COUNT = _marking_sent(f""",
counted as ({deciding_counts()})""")


async def mark_sent(
    connection: Connection,
    tenant: str,
    dispatch: UUID,
    accepted: Sequence[tuple[UUID, str, str | None]],
    *,
    batch: str | None = None,
    now: dt.datetime,
    check_at: dt.datetime,
    calls: Tally | None = None,
) -> None:
    """The provider was told to send: each accepted message is `sent`, unless a report that was faster says more.

    Rows are locked in the order in which reports lock them: the two come together, and must not wait for each other.

    Args:
        connection: in autocommit.
        tenant: whose.
        dispatch: the call.
        accepted: message, the channel it really took, and the provider's id for it.
        batch: the provider's id for the call, where it was not known before.
        now: the moment.
        check_at: when to ask the provider, should no report have come.
        calls: what is counted of its account's calls, if anything.
    """
    await connection.execute(
        MARK_SENT if calls is None else MARK_SENT_AND_COUNT,
        {
            "tenant": tenant,
            "id": dispatch,
            "ids": [message for message, _, _ in accepted],
            **months_of(message for message, _, _ in accepted),
            "channels": [channel for _, channel, _ in accepted],
            "provider_message_ids": [provider_message_id for _, _, provider_message_id in accepted],
            "batch": batch,
            "now": now,
            "check_at": check_at,
            **({} if calls is None else counted(calls, now)),
        },
    )


BEGIN_CALL = """
update dispatches
set state = 'prepared', begun_at = %(now)s, updated_at = %(now)s, lease_until = %(lease_until)s
where tenant = %(tenant)s and id = %(id)s and state = 'open' and lease_until > %(now)s
returning id
"""


async def begin_call(
    connection: Connection, tenant: str, dispatch: UUID, *, now: dt.datetime, lease_until: dt.datetime
) -> bool:
    """Write down that a provider is called now: from here on nobody knows whether it was, unless it says so.

    False: the dispatch is not ours now.
    """
    parameters = {"tenant": tenant, "id": dispatch, "now": now, "lease_until": lease_until}
    return bool(await fetch_all(connection, BEGIN_CALL, parameters))


SPLIT = f"""
with held as (
  update dispatches set updated_at = %(now)s
  where tenant = %(tenant)s and id = %(id)s and state in ('open', 'prepared')
  returning tenant, provider, account, topic
),
opened as (
  insert into dispatches (tenant, id, provider, account, topic, messages, lease_until, created_at, updated_at)
  select h.tenant, p.dispatch, h.provider, h.account, h.topic, p.messages, %(lease_until)s, %(now)s, %(now)s
  from held h cross join (
    select dispatch, array_agg(message order by message) as messages
    from unnest(%(dispatches)s::uuid[], %(messages)s::uuid[]) as parts (dispatch, message) group by dispatch
  ) p
  returning id
),
moving as (
  -- Locked in the order of reports.
  select o.id as dispatch, m.part, m.place
  from (
    select * from unnest(%(dispatches)s::uuid[], %(messages)s::uuid[]) as p (dispatch, message) order by message
  ) p
  join opened o on o.id = p.dispatch
  cross join lateral (
    select tableoid as part, ctid as place from messages
    where tenant = %(tenant)s and id = {is_one("p.message")} and dispatch = %(id)s and status = 'sending'
      and id between %(first_id)s and %(last_id)s
    limit 1 for no key update
  ) m
),
moved as (
  update messages m set dispatch = s.dispatch, updated_at = %(now)s
  from moving s
  where m.ctid = s.place and m.tableoid = s.part and m.id between %(first_id)s and %(last_id)s
)
select id from opened
"""


async def split(
    connection: Connection,
    tenant: str,
    dispatch: UUID,
    parts: Mapping[UUID, Sequence[UUID]],
    *,
    now: dt.datetime,
    lease_until: dt.datetime,
) -> bool:
    """Give messages of a dispatch dispatches of their own, for they go by other calls.

    Args:
        connection: in autocommit; the statement is the transaction.
        tenant: whose.
        dispatch: that they are of so far; what is in no part stays with it.
        parts: the messages of each new one.
        now: the moment.
        lease_until: until then nobody else looks at the new ones.

    Returns:
        Whether that was done: the dispatch is still begun, and in nobody else's hands.
    """
    pairs = [(part, message) for part, messages in parts.items() for message in messages]
    parameters = {
        "tenant": tenant,
        "id": dispatch,
        "dispatches": [part for part, _ in pairs],
        "messages": [message for _, message in pairs],
        **months_of(message for _, message in pairs),
        "now": now,
        "lease_until": lease_until,
    }
    return bool(await fetch_all(connection, SPLIT, parameters))


MARK_UNKNOWN = """
update dispatches set state = 'sent', error = %(error)s, check_at = %(check_at)s, updated_at = %(now)s
where tenant = %(tenant)s and id = %(id)s and state = 'prepared'
"""


async def mark_unknown(
    connection: Connection, tenant: str, dispatch: UUID, *, error: str, now: dt.datetime, check_at: dt.datetime
) -> None:
    """Take a call for sent of which nobody will ever know whether it was: it has no name at its provider."""
    parameters = {"tenant": tenant, "id": dispatch, "error": error, "now": now, "check_at": check_at}
    await connection.execute(MARK_UNKNOWN, parameters)


CARRIED = """
select m.id, m.attempt, m.status::text, m.recipient, m.template, m.template_version, m.variables,
  m.route[m.position + 1] as leg
from dispatches d
cross join lateral (
  select * from messages
  where tenant = d.tenant and id = any(d.messages) and dispatch = d.id and status in ('sending', 'sent', 'unknown')
  offset 0
) m
where d.tenant = %(tenant)s and d.id = %(id)s
order by m.id
"""


class Carried(NamedTuple):
    """A message of a dispatch that has no end yet, with what it was written from. `leg`: its route's channel."""

    id: UUID
    attempt: int
    status: str
    recipient: str | None
    template: str
    template_version: int
    variables: Mapping[str, str]
    leg: str


async def carried(connection: Connection, tenant: str, dispatch: UUID) -> list[Carried]:
    """The messages of a dispatch that have no end yet, in the order of their ids."""
    return [Carried(**row) for row in await fetch_all(connection, CARRIED, {"tenant": tenant, "id": dispatch})]


CUSTOMERS_OF = """
select distinct customer from messages
where tenant = %(tenant)s and id = any((select %(ids)s::uuid[])::uuid[]) and id between %(first_id)s and %(last_id)s
"""


async def customers_of(connection: Connection, tenant: str, messages: Sequence[UUID]) -> list[str]:
    """The customers whom messages are for."""
    parameters = {"tenant": tenant, "ids": list(messages), **months_of(messages)}
    return [row["customer"] for row in await fetch_all(connection, CUSTOMERS_OF, parameters)]


NAMED_BY_ANOTHER = """
select exists (
  select from dispatches
  where provider_batch_id = %(batch)s and id <> %(id)s and tenant in (
    select %(tenant)s
    union all
    select theirs.tenant from provider_accounts ours join provider_accounts theirs using (identity)
    where ours.tenant = %(tenant)s and ours.id = %(account)s
  )
) as named
"""


async def named_by_another(connection: Connection, tenant: str, account: str, dispatch: UUID, batch: str) -> bool:
    """Whether a call that was found at an account is known to be another dispatch's, of any tenant that sends by it."""
    parameters = {"tenant": tenant, "account": account, "id": dispatch, "batch": batch}
    return bool((await fetch_all(connection, NAMED_BY_ANOTHER, parameters))[0]["named"])

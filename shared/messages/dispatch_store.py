"""SQL of a dispatch once it has its messages: prepared, sent, or given up. Nothing here decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from shared.platform.database import Connection, fetch_all

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


MARK_SENT = """
with told as (
  update dispatches d
  set state = 'sent', updated_at = %(now)s, check_at = least(
    %(check_at)s,
    (
      select d.created_at + make_interval(secs => min(m.deadlines[m.position + 1]))
      from messages m
      where m.tenant = %(tenant)s and m.id = any(%(ids)s::uuid[]) and m.position + 1 < cardinality(m.route)
    )
  )
  where tenant = %(tenant)s and id = %(id)s and state = 'prepared'
),
still_sending as (
  -- Locked in the order of reports, which may already speak of these messages.
  select s.*, m.place
  from (
    select * from unnest(%(ids)s::uuid[], %(channels)s::text[], %(provider_message_ids)s::text[])
      as s (id, channel, provider_message_id)
    order by id
  ) s
  cross join lateral (
    select ctid as place from messages
    where tenant = %(tenant)s and id = s.id and dispatch = %(id)s and status = 'sending' for no key update
  ) m
)
update messages m
set status = 'sent', channel = s.channel, updated_at = %(now)s,
    provider_message_id = coalesce(s.provider_message_id, m.provider_message_id)
from still_sending s
where m.ctid = s.place
"""


async def mark_sent(
    connection: Connection,
    tenant: str,
    dispatch: UUID,
    accepted: Sequence[tuple[UUID, str, str | None]],
    *,
    now: dt.datetime,
    check_at: dt.datetime,
) -> None:
    """The provider was told to send: each accepted message is `sent`, unless a report that was faster says more.

    Rows are locked in the order in which reports lock them: the two come together, and must not wait for each other.

    Args:
        connection: in autocommit.
        tenant: whose.
        dispatch: the call.
        accepted: message, the channel it really took, and the provider's id for it.
        now: the moment.
        check_at: when to ask the provider, should no report have come.
    """
    await connection.execute(
        MARK_SENT,
        {
            "tenant": tenant,
            "id": dispatch,
            "ids": [message for message, _, _ in accepted],
            "channels": [channel for _, channel, _ in accepted],
            "provider_message_ids": [provider_message_id for _, _, provider_message_id in accepted],
            "now": now,
            "check_at": check_at,
        },
    )


REQUEUE_DISPATCH = """
with abandoned as (
  update dispatches set state = 'abandoned', error = %(error)s, updated_at = %(now)s
  where tenant = %(tenant)s and id = %(id)s and state = any(%(states)s::dispatch_state[])
  returning id, messages, gen_random_uuid() as release
),
-- Locked in the order of reports and claims, which may speak of these messages at the same time.
taken as (
  select a.id as dispatch, a.release, m.id
  from abandoned a
  cross join lateral (select unnest(a.messages) as id order by id) listed
  cross join lateral (
    select id from messages
    where tenant = %(tenant)s and id = listed.id and dispatch = a.id and status = 'sending' for no key update
  ) m
),
back as (
  update messages m
  set status = (case when m.tries >= %(max_tries)s then 'failed' else 'queued' end)::message_status,
      reason = case when m.tries >= %(max_tries)s then 'provider_unavailable' end,
      detail = case when m.tries >= %(max_tries)s then %(error)s end,
      attempt = m.attempt + 1, dispatch = null, updated_at = %(now)s,
      settlement = case when m.tries >= %(max_tries)s and m.hold is not null then t.release end
  from taken t
  where m.tenant = %(tenant)s and m.id = t.id and m.dispatch = t.dispatch and m.status = 'sending'
  returning m.tenant, m.id, m.status, m.tries, m.held, m.settlement
),
released as (
  insert into ledger_entries (tenant, id, kind, hold_change, key, messages, created_at)
  select tenant, settlement, 'release', -sum(held), 'release/' || settlement, array_agg(id), %(now)s
  from back where settlement is not null group by tenant, settlement
),
again as (
  insert into outbox (tenant, id, topic, body, publish_at, created_at)
  select %(tenant)s, %(ticket)s, %(topic)s,
    jsonb_build_object('id', %(ticket)s::text, 'tenant', %(tenant)s::text, 'messages', jsonb_agg(id)),
    %(now)s + %(retry_delay)s * (4 ^ (min(tries) - 1)), %(now)s
  from back where status = 'queued' having count(*) > 0
)
select count(*) as requeued from back where status = 'queued'
"""


async def requeue_dispatch(connection: Connection, parameters: dict[str, Any]) -> int:
    """Give up a dispatch that was never sent: its messages wait for their next try, or fail after the last."""
    rows = await fetch_all(connection, REQUEUE_DISPATCH, parameters)
    return int(rows[0]["requeued"])

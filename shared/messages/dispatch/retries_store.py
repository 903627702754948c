"""SQL of a dispatch that was never sent: what becomes of its messages is decided where their rows are locked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from uuid import UUID

from shared.credits.ledger.entries import entering
from shared.messages.dispatch.choice.cap_store import uncounting
from shared.messages.dispatch.fairness.pace_store import closing
from shared.messages.dispatch.sweep_store import DispatchState
from shared.platform.database import Connection, fetch_all
from shared.platform.database.keys import is_one

_RELEASES = """
    select tenant, settlement, 'release'::entry_kind, id, 0, -held, null::text from back where settlement is not null"""

DECIDE_RETRIES = f"""
with abandoned as (
  update dispatches
  set state = case when coalesce(messages <@ %(only)s::uuid[], true) then 'abandoned' else state end,
      error = %(error)s, updated_at = %(now)s
  where tenant = %(tenant)s and id = %(id)s and state = %(state)s::dispatch_state
  returning tenant, id, account, topic, messages, created_at, gen_random_uuid() as release
),
-- Locked in the order of reports and claims, which may speak of these messages at the same time.
taken as (
  select a.id as dispatch, a.release, listed.id,
    m.tries >= %(max_tries)s and %(again_in)s::interval is null as was_last
  from abandoned a
  cross join lateral (
    select id from unnest(coalesce(%(only)s::uuid[], a.messages)) as named (id) order by id
  ) listed
  cross join lateral (
    select tries from messages
    where tenant = %(tenant)s and id = {is_one("listed.id")} and dispatch = a.id and status = 'sending'
    limit 1 for no key update
  ) m
),
back as (
  update messages m
  set status = (case when t.was_last then 'failed' else 'queued' end)::message_status,
      reason = case when t.was_last then %(reason)s end,
      detail = case when t.was_last then %(error)s end,
      attempt = m.attempt + 1, tries = m.tries - case when %(again_in)s::interval is null then 0 else 1 end,
      dispatch = null, updated_at = %(now)s,
      settlement = case when t.was_last and m.hold is not null then t.release end
  from taken t
  where m.tenant = %(tenant)s and m.id = {is_one("t.id")} and m.dispatch = t.dispatch and m.status = 'sending'
  returning m.tenant, m.id, m.status, m.tries, m.held, m.settlement, m.route[m.position + 1] as leg
),
released as ({entering(_RELEASES)}),
closed as ({closing("abandoned")}),
uncounted as ({uncounting("back", "abandoned")}),
again as (
  insert into outbox (tenant, id, topic, body, publish_at, held_until, created_at)
  select tenant, %(ticket)s, topic,
    jsonb_build_object('id', %(ticket)s::text, 'tenant', tenant, 'messages', messages)
      || case when %(tried)s then jsonb_build_object('tried', account) else '{{}}' end, at, at, %(now)s
  from (
    select a.tenant, a.topic, a.account, jsonb_agg(b.id) as messages,
      %(now)s + coalesce(%(again_in)s::interval, %(retry_delay)s * (4 ^ (min(b.tries) - 1))) as at
    from back b cross join abandoned a where b.status = 'queued' group by a.tenant, a.topic, a.account
  ) w
)
select count(*) as requeued from back where status = 'queued'
"""


async def decide_retries(
    connection: Connection,
    tenant: str,
    dispatch: UUID,
    *,
    only: Sequence[UUID] | None = None,
    state: DispatchState,
    reason: str,
    error: str,
    max_tries: int,
    ticket: UUID,
    retry_delay: dt.timedelta,
    again_in: dt.timedelta | None = None,
    tried: bool = False,
    now: dt.datetime,
) -> int:
    """Give up a dispatch that was never sent: its messages wait for their next try, or fail after the last.

    Args:
        connection: in autocommit; the statement is the transaction.
        tenant: whose.
        dispatch: the call.
        only: those of its messages that are given up; the call goes on with the others. All of them unless told.
        state: the state that it must still be in, or nothing changes.
        reason: the code of messages that fail.
        error: why; kept with the dispatch and with the messages that fail.
        max_tries: a message that was tried so often fails, and what is held for it is given back.
        ticket: the id of the ticket of those that wait, if any does. It comes by the topic that the dispatch's came by.
        retry_delay: before the second try; each later one waits four times as long.
        again_in: until the next try, where the provider asked for a pause. It did not look, so that was no try; and
            until then nothing else leaves by the account.
        tried: it was the account's or its provider's fault: another account is tried first next time.
        now: the moment.

    Returns:
        How many messages wait for their next try.
    """
    rows = await fetch_all(
        connection,
        DECIDE_RETRIES,
        {
            "tenant": tenant,
            "id": dispatch,
            "only": None if only is None else list(only),
            "state": state,
            "reason": reason,
            "error": error,
            "max_tries": max_tries,
            "ticket": ticket,
            "retry_delay": retry_delay,
            "again_in": again_in,
            "tried": tried,
            "now": now,
        },
    )
    return int(rows[0]["requeued"])

"""The end of a dispatch, in the words of SQL: it comes with the end of its last message."""

from __future__ import annotations

from shared.platform.database.keys import is_one


def deciding_ends(changes: str) -> str:
    """Close the dispatches whose last messages come to an end or go on elsewhere, as a part of another statement.

    What another transaction is ending counts as on its way: of two that come to the end at once neither may close the
    dispatch. It is closed when it is looked at then, as one that was not told `sent` yet.

    Args:
        changes: in that statement, a table of what messages become (`tenant`, `status`, whether they are
            `requeued`) and of what they were before (`dispatch`, and whether they were on their way: `was_open`).
    """
    return f"""ending as (
  select tenant, dispatch, count(*) as messages from {changes}
  where was_open and dispatch is not null and (requeued or status >= 'expired') group by tenant, dispatch
),
ended as materialized (
  -- Of a call's open messages no more than tell: from the last, for reports come in the order of messages.
  select e.tenant, e.dispatch from ending e
  cross join lateral (
    select count(*) as messages from (
      select from dispatches d
      cross join lateral (
        select id from unnest(d.messages) with ordinality as listed (id, place) order by place desc
      ) carried
      cross join lateral (
        select from messages
        where tenant = d.tenant and id = {is_one("carried.id")} and dispatch = d.id
          and status in ('sending', 'sent', 'unknown')
        limit 1
      ) is_open
      where d.tenant = e.tenant and d.id = {is_one("e.dispatch")} and d.state = 'sent'
      limit e.messages + 1
    ) still_open
  ) still_open
  where still_open.messages = e.messages
),
closed as (
  update dispatches d set state = 'closed', check_at = null, updated_at = %(now)s
  from ended e
  where d.tenant = e.tenant and d.id = {is_one("e.dispatch")} and d.state = 'sent'
)"""

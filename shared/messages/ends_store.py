"""The end of a dispatch, in the words of SQL: it comes with the end of its last message."""

from __future__ import annotations


def deciding_ends(changes: str) -> str:
    """Close the dispatches whose last messages come to an end or go on elsewhere, as a part of another statement.

    What another transaction is ending counts as on its way: of two that come to the end at once neither may close the
    dispatch. It is closed when it is looked at then, as one that was not told `sent` yet.

    Dispatches and messages are looked up by arrays and not each by its key, which would choose its month while the
    statement runs: Postgres 18.4 crashes there when a row that the statement locks was changed since it began.

    Args:
        changes: in that statement, a table of what messages become (`tenant`, `status`, whether they are
            `requeued`) and of what they were before (`dispatch`, and whether they were on their way: `was_open`).
    """
    return f"""ending as (
  select tenant, dispatch, count(*) as messages from {changes}
  where was_open and dispatch is not null and (requeued or status >= 'expired') group by tenant, dispatch
),
closed as (
  update dispatches d set state = 'closed', check_at = null, updated_at = %(now)s
  where d.tenant = any((select array_agg(tenant) from ending)::text[])
    and d.id = any((select array_agg(dispatch) from ending)::uuid[]) and d.state = 'sent'
    and (select messages from ending where tenant = d.tenant and dispatch = d.id) = (
      select count(*) from messages m
      where m.tenant = d.tenant and m.id = any(d.messages) and m.dispatch = d.id
        and m.status in ('sending', 'sent', 'unknown')
    )
)"""

"""SQL of what people were told of alerts. One function a statement.

What has changed, and what people must be told now, the database decides: two watches may look at once.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from shared.operations.watch.alerts import Alert
from shared.platform.database import Connection, fetch_all

DECIDE_CHANGED_ALERTS = """
with firing as (
  select * from unnest(
    %(tenants)s::text[], %(kinds)s::text[], %(values)s::text[], %(limits)s::text[], %(details)s::text[]
  ) as f (tenant, kind, value, threshold, detail)
),
over as (
  update alert_notices n set firing = false, since = %(now)s
  where n.firing and not exists (select from firing f where f.tenant = n.tenant and f.kind = n.kind)
  returning n.tenant, n.kind, n.firing
),
opened as (
  insert into alert_notices (tenant, kind, firing, since, value, threshold, detail, owed)
  select tenant, kind, true, %(now)s, value, threshold, detail, true from firing order by tenant, kind
  on conflict (tenant, kind) do update
  set firing = true, value = excluded.value, threshold = excluded.threshold, detail = excluded.detail,
      since = case when alert_notices.firing then alert_notices.since else excluded.since end,
      owed = alert_notices.owed or not (alert_notices.firing or alert_notices.told)
  returning tenant, kind, firing, since
)
select tenant, kind, firing from opened where since = %(now)s
union all
select tenant, kind, firing from over
order by tenant, kind
"""


@dataclass(frozen=True, slots=True)
class AlertChange:
    """An alert that has begun to fire, or is over. `tenant` is empty where it is the platform's."""

    tenant: str
    kind: str
    firing: bool


async def decide_changed_alerts(connection: Connection, alerts: Sequence[Alert], now: dt.datetime) -> list[AlertChange]:
    """Write down what fires now; all else is over. Gives what has changed by that."""
    rows = await fetch_all(
        connection,
        DECIDE_CHANGED_ALERTS,
        {
            "tenants": [alert.tenant for alert in alerts],
            "kinds": [alert.kind for alert in alerts],
            "values": [alert.value for alert in alerts],
            "limits": [alert.limit for alert in alerts],
            "details": [alert.detail for alert in alerts],
            "now": now,
        },
    )
    return [AlertChange(**row) for row in rows]


DECIDE_DUE_NOTICES = """
with due as (
  select tenant, kind from alert_notices
  where claimed_until <= %(now)s and not exists (select from alert_notices where retry_at > %(now)s)
    and (
      (owed and told_at <= %(now)s - %(spacing)s)
      or (firing and told and told_at <= %(now)s - %(remind)s)
      or (told and not firing)
    )
  order by since, tenant, kind limit %(limit)s
  for update skip locked
)
update alert_notices n set claim = %(claim)s, claimed_until = %(now)s + %(spacing)s
from due where n.tenant = due.tenant and n.kind = due.kind
returning n.tenant, n.kind, n.firing, n.told, n.since, n.value, n.threshold, n.detail
"""


@dataclass(frozen=True, slots=True)
class Notice:
    """What somebody must be told, and that we alone tell it. `since`: firing, or over, since then. `told`: people have
    heard that it is open."""

    tenant: str
    kind: str
    firing: bool
    told: bool
    since: dt.datetime
    value: str
    threshold: str
    detail: str


async def decide_due_notices(
    connection: Connection, claim: UUID, now: dt.datetime, *, spacing: dt.timedelta, remind: dt.timedelta, limit: int
) -> list[Notice]:
    """Take what people must be told now. Whoever takes at the same time takes others, and nobody takes these again for
    `spacing` unless they are released.

    Args:
        connection: in autocommit.
        claim: names this taking.
        now: the moment.
        spacing: between two messages that an alert is open.
        remind: an alert that is still open is told again after that.
        limit: at most so many.
    """
    parameters = {"claim": claim, "now": now, "spacing": spacing, "remind": remind, "limit": limit}
    return [Notice(**row) for row in await fetch_all(connection, DECIDE_DUE_NOTICES, parameters)]


MARK_TOLD_AND_DECIDE_OWED = """
update alert_notices
set claim = null, claimed_until = '-infinity', told = %(firing)s, told_at = coalesce(%(opened_at)s, told_at),
    owed = firing and not %(firing)s
where tenant = %(tenant)s and kind = %(kind)s and claim = %(claim)s
"""


async def mark_told_and_decide_owed(connection: Connection, notice: Notice, claim: UUID, now: dt.datetime) -> None:
    """People have heard it. What has changed since it was taken is owed to them still."""
    parameters = {
        "tenant": notice.tenant,
        "kind": notice.kind,
        "claim": claim,
        "firing": notice.firing,
        "opened_at": now if notice.firing or not notice.told else None,
    }
    await connection.execute(MARK_TOLD_AND_DECIDE_OWED, parameters)


RELEASE = """
update alert_notices n set claim = null, claimed_until = '-infinity', retry_at = %(retry_at)s
from unnest(%(tenants)s::text[], %(kinds)s::text[]) as u (tenant, kind)
where n.tenant = u.tenant and n.kind = u.kind and n.claim = %(claim)s
"""


async def release(connection: Connection, notices: Sequence[Notice], claim: UUID, retry_at: dt.datetime) -> None:
    """What was taken and certainly not told is for a later watch: not before `retry_at`, and till then nothing is."""
    tenants, kinds = [notice.tenant for notice in notices], [notice.kind for notice in notices]
    await connection.execute(RELEASE, {"tenants": tenants, "kinds": kinds, "claim": claim, "retry_at": retry_at})

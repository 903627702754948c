"""How much an account is sent by, and which are on trial, in the words of SQL: the rules are those of
`shared.messages.dispatch.health.rules`."""

from __future__ import annotations

import datetime as dt
from typing import Any

from shared.messages.dispatch.health.rules import FULL, LEAST, RISE, STEP

TRIAL_MESSAGES = 10
"""Of a tenant and channel, that try an account at once whose breaker is half-open."""

TRIAL_FOR = dt.timedelta(seconds=60)
"""How long the end of a trial is waited for: as long as a dispatch is its instance's own."""

FAILING_RECHECK = dt.timedelta(seconds=5)
"""How long messages stay at least that wait for an account that is on trial just now."""


def deciding_weight(account: str, health: str) -> str:
    """How much an account is sent by beside the others that carry the channel, as a part of another statement that has
    the parameter `now`: 0 and more, and at 0 only what no other can send.

    Args:
        account: how that statement names the row of `provider_accounts`.
        health: and that of `account_health`, left-joined. One that is on trial gets as little as the least that one
            gets which is closed; while nobody may try it, it is not chosen.
    """
    return f"""(case
      when {health}.identity is null then {account}.weight
      when {health}.opened_at is not null then {account}.weight * {LEAST} / {FULL}.0
      when {health}.moved_at is null then {account}.weight * {health}.weight / {FULL}.0
      else {account}.weight * least(
        {FULL}, {health}.weight + {STEP} * greatest(0, floor(
          extract(epoch from %(now)s - {health}.moved_at) / {RISE.total_seconds():.0f}
        ))
      ) / {FULL}.0 end)"""


def may_be_tried(health: str) -> str:
    """Whether the breaker of an account is half-open and nobody tries it, as a part of another statement."""
    return f"({health}.open_until <= %(now)s and coalesce({health}.trial_until, '-infinity') <= %(now)s)"


def deciding_trials(ready: str) -> str:
    """Decide who tries accounts whose breakers are half-open, as a part of another statement: its table `off_trial` has
    the messages (`tenant`, `id`) that would be sent by one and must wait, for another claim was faster, or it is
    another tenant's turn. No claim waits for another one.

    Args:
        ready: in that statement, a table of messages (`tenant`, `id`, `bucket`) and whether each would be a trial
            (`on_trial`). The statement has the parameters of `trials`.
    """
    return f"""trials as (
  select bucket, min(tenant) as tenant from {ready} where on_trial group by bucket
),
free as (
  select h.identity from trials t join account_health h on h.identity = t.bucket and {may_be_tried("h")}
  order by h.identity for no key update of h skip locked
),
tried_now as (
  update account_health h set trial_until = %(now)s + %(trial_for)s from free where h.identity = free.identity
  returning h.identity
),
off_trial as (
  select tenant, id from {ready} where on_trial and (tenant, bucket) not in (
    select t.tenant, t.bucket from trials t join tried_now n on n.identity = t.bucket
  )
)"""


def trials() -> dict[str, Any]:
    """Parameters of a statement that claims."""
    return {"trial_for": TRIAL_FOR, "failing_recheck": FAILING_RECHECK, "trial_messages": TRIAL_MESSAGES}

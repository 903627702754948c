"""Which account a tenant's messages of a channel leave by, in the words of SQL: a part of the statement that claims."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from shared.law.senders import LEGS_FROM_A_NUMBER
from shared.messages.dispatch.choice.weight_store import deciding_weight, may_be_tried
from shared.messages.reasons import (
    ACCOUNT_PAUSED,
    ACCOUNTS_FAILING,
    CERTIFICATE_EXPIRED,
    CHANNEL_NOT_CARRIED,
    SENDER_UNREGISTERED,
)
from shared.tenants.store import bucket_of

SEOULS_DAY = "({} at time zone 'Asia/Seoul')::date"
TODAY = SEOULS_DAY.format("%(now)s::timestamptz")
"""In Korea, where certificates end and senders' days begin."""

FIT, TRIED, FAILING, USED_UP = range(1, 5)
"""The best classes of accounts. One that was tried can send; one whose number is used up can, tomorrow."""

OBSTACLES = (
    *(None, None, ACCOUNTS_FAILING, None),
    *(ACCOUNT_PAUSED, SENDER_UNREGISTERED, CERTIFICATE_EXPIRED, CHANNEL_NOT_CARRIED),
)
"""By class: why an account can't send a channel's messages, from the best to the worst."""

LOTS = 10**9

_OBSTACLES = "array[" + ", ".join("null" if reason is None else f"'{reason}'" for reason in OBSTACLES) + "]::text[]"
LEGS_IN_SQL = ", ".join(f"'{leg}'" for leg in LEGS_FROM_A_NUMBER)
_FROM_A_NUMBER = f"l.leg in ({LEGS_IN_SQL})"


_PAUSED, _UNREGISTERED, _OVER, _NOT_CARRIED = (
    OBSTACLES.index(reason) + 1
    for reason in (ACCOUNT_PAUSED, SENDER_UNREGISTERED, CERTIFICATE_EXPIRED, CHANNEL_NOT_CARRIED)
)
_LIKE = "tenant, leg, tried, first"
_AFTER_THE_FIRST = (
    "right(first_dispatch::text, 12)",
    "dense_rank() over (partition by tenant order by id) - 1",
)


def deciding_accounts(candidates: str, senders: str) -> str:
    """Decide which one account each tenant's messages of a channel leave by, as a part of another statement. Its table
    `chosen` has, by `tenant`, `leg`, `tried` and `first`: `account`, `provider`, `bucket`, `messages_per_second`,
    `burst`, the `sender` where that is capped, the `dispatch`, whether that is a trial (`on_trial`), the `obstacle`
    where even the best account can't send them, and where that is a failing one, when it can be tried (`again_at`).

    Of the active accounts that carry the channel, are not paused, have a certificate that holds where they have any,
    and send from a number that is registered, one is drawn by weight; at none, those are looked at that weigh nothing,
    first those that were given no weight. A number that has sent its messages of the day stands back for others, and so
    does an account by which the messages did not leave just now, one whose provider asked for a pause, and more than
    these one whose breaker is open. When that may be tried, it is for the first of the messages alone. For all its
    channels a tenant has one lot, so what the same accounts carry leaves by the same one.

    Args:
        candidates: in that statement, a table of messages with the channel (`leg`) that each is to leave by, by which
            account it was `tried` in vain just now (else ''), and whether it is among the `first` of its tenant and
            channel.
        senders: in that statement, a table of tenants with their `lot` and the id of their `first_dispatch`. The
            statement has the parameters of `dispatch_ids` and of `trials`, and `now`.
    """
    tail, rank = _AFTER_THE_FIRST
    return f"""fit as (
  select l.tenant, l.leg, l.tried, l.first, s.lot, s.first_dispatch, a.id, a.provider, a.weight as given, a.place,
    a.created_at, {bucket_of("a")} as bucket, a.messages_per_second, a.burst,
    case when {_FROM_A_NUMBER} and n.daily_cap is not null then n.number end as sender,
    greatest({deciding_weight("a", "h")}, 0)::numeric as weight, h.opened_at is not null as on_trial,
    greatest(h.open_until, %(now)s + %(failing_recheck)s) as again_at,
    case
      when l.leg <> all(a.carries) then {_NOT_CARRIED}
      when a.certificate_until < {TODAY} then {_OVER}
      when {_FROM_A_NUMBER} and n.verified_at is null then {_UNREGISTERED}
      when a.paused_at is not null or o.paused_at is not null then {_PAUSED}
      when {_FROM_A_NUMBER} and d.used >= n.daily_cap and d.day = {TODAY} then {USED_UP}
      when h.opened_at is not null and not (l.first and {may_be_tried("h")}) then {FAILING}
      when a.id = l.tried or b.closed_until > %(now)s then {TRIED}
      else {FIT}
    end as class
  from (select distinct {_LIKE} from {candidates}) l
  join {senders} s using (tenant)
  join provider_accounts a on a.tenant = l.tenant and a.active
  left join provider_accounts o on o.tenant = a.lent_by and o.id = a.lent_account
  left join sender_numbers n on n.tenant = a.tenant and n.number = a.sender
  left join sender_days d on d.tenant = n.tenant and d.number = n.number
  left join account_health h on h.identity = {bucket_of("a")}
  left join account_buckets b on b.identity = {bucket_of("a")}
  where o.active is not false
),
best as (select *, min(class) over (partition by {_LIKE}) as least from fit),
weighed as (
  select *, sum(weight) over (partition by {_LIKE}) as total,
    sum(weight) over (partition by {_LIKE} order by place, created_at, id) as upto,
    min(again_at) over (partition by {_LIKE}) as first_again
  from best where class = least
),
drawn as (
  select distinct on ({_LIKE}) *
  from weighed where total = 0 or weight > 0 and upto > lot * total
  order by {_LIKE}, upto, given, place, created_at, id
),
chosen as (
  select {_LIKE}, id as account, provider, bucket, messages_per_second, burst, sender, on_trial,
    ({_OBSTACLES})[class] as obstacle, first_again as again_at,
    -- The ids that follow the first one.
    (left(first_dispatch::text, 24) || lpad(
      to_hex((('x' || {tail})::bit(48)::bigint + {rank}) & x'ffffffffffff'::bigint), 12, '0'
    ))::uuid as dispatch
  from drawn
)"""


def dispatch_ids(dispatches: Mapping[str, UUID]) -> dict[str, Any]:
    """What accounts are drawn by, and the ids of the calls that are made by them, as parameters of a statement.

    Args:
        dispatches: a new id for each tenant. Where its messages leave by several accounts, the ids that follow it are
            theirs; its last digits are the tenant's lot.
    """
    return {
        "sender_tenants": list(dispatches),
        "lots": [Decimal(first.int % LOTS) / LOTS for first in dispatches.values()],
        "first_dispatches": list(dispatches.values()),
    }

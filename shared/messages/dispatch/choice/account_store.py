"""Which account a tenant's messages of a channel leave by, in the words of SQL: a part of the statement that claims."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from shared.contracts.channels import LEGS
from shared.law.senders import LEGS_FROM_A_NUMBER
from shared.messages.dispatch.choice.weights import effective_weight
from shared.messages.reasons import ACCOUNT_PAUSED, CERTIFICATE_EXPIRED, CHANNEL_NOT_CARRIED, SENDER_UNREGISTERED
from shared.tenants.store import bucket_of

SEOULS_DAY = "({} at time zone 'Asia/Seoul')::date"
TODAY = SEOULS_DAY.format("%(now)s::timestamptz")
"""In Korea, where certificates end and senders' days begin."""

OBSTACLES = (None, None, ACCOUNT_PAUSED, SENDER_UNREGISTERED, CERTIFICATE_EXPIRED, CHANNEL_NOT_CARRIED)
"""Why an account can't send a channel's messages, from the best to the worst; the second can, tomorrow."""

MOST_ACCOUNTS = len(LEGS) + 1
"""That one tenant's messages leave by in one claim: one for each channel, and one for what is none."""

LOTS = 10**9

_OBSTACLES = "array[" + ", ".join("null" if reason is None else f"'{reason}'" for reason in OBSTACLES) + "]::text[]"
LEGS_IN_SQL = ", ".join(f"'{leg}'" for leg in LEGS_FROM_A_NUMBER)
_FROM_A_NUMBER = f"l.leg in ({LEGS_IN_SQL})"


def deciding_accounts(candidates: str, senders: str) -> str:
    """Decide which one account each tenant's messages of a channel leave by, as a part of another statement. Its table
    `chosen` has, by `tenant` and `leg`: `account`, `provider`, `bucket`, `messages_per_second`, `burst`, the `sender`
    where that is capped, the `dispatch`, and the `obstacle` where even the best account can't send them.

    Of the active accounts that carry the channel, are not paused, have a certificate that holds where they have any,
    and send from a number that is registered, one is drawn by weight; at none, those are looked at that weigh nothing,
    first those that were given no weight. A number that has sent its messages of the day stands back for others. For
    all its channels a tenant has one lot, so what the same accounts carry leaves by the same one.

    Args:
        candidates: in that statement, a table of messages with the channel (`leg`) that each is to leave by.
        senders: in that statement, a table of tenants with their `lot`, and their `number` in the order of
            `dispatch_ids`, whose parameters the statement has, and `now`.
    """
    return f"""fit as (
  select l.tenant, l.leg, s.lot, s.number, a.id, a.provider, a.weight as given, a.place, a.created_at,
    {bucket_of("a")} as bucket, a.messages_per_second, a.burst,
    case when {_FROM_A_NUMBER} and n.daily_cap is not null then n.number end as sender,
    greatest({effective_weight("a")}, 0)::numeric as weight,
    case
      when l.leg <> all(a.carries) then 6
      when a.certificate_until < {TODAY} then 5
      when {_FROM_A_NUMBER} and n.verified_at is null then 4
      when a.paused_at is not null or o.paused_at is not null then 3
      when {_FROM_A_NUMBER} and d.used >= n.daily_cap and d.day = {TODAY} then 2
      else 1
    end as class
  from (select distinct tenant, leg from {candidates}) l
  join {senders} s using (tenant)
  join provider_accounts a on a.tenant = l.tenant and a.active
  left join provider_accounts o on o.tenant = a.lent_by and o.id = a.lent_account
  left join sender_numbers n on n.tenant = a.tenant and n.number = a.sender
  left join sender_days d on d.tenant = n.tenant and d.number = n.number
  where o.active is not false
),
best as (select *, min(class) over (partition by tenant, leg) as least from fit),
weighed as (
  select *, sum(weight) over (partition by tenant, leg) as total,
    sum(weight) over (partition by tenant, leg order by place, created_at, id) as upto
  from best where class = least
),
drawn as (
  select distinct on (tenant, leg) *
  from weighed where total = 0 or weight > 0 and upto > lot * total
  order by tenant, leg, upto, given, place, created_at, id
),
chosen as (
  select tenant, leg, id as account, provider, bucket, messages_per_second, burst, sender,
    ({_OBSTACLES})[class] as obstacle,
    (%(dispatches)s::uuid[])[
      (number - 1) * %(dispatches_each)s + dense_rank() over (partition by tenant order by id)
    ] as dispatch
  from drawn
)"""


def dispatch_ids(dispatches: Mapping[str, UUID]) -> dict[str, Any]:
    """What accounts are drawn by, and the ids of the calls that are made by them, as parameters of a statement.

    Args:
        dispatches: a new id for each tenant. Where its channels leave by several accounts, the ids that follow it are
            theirs; its last digits are the tenant's lot.
    """
    firsts = [first.int for first in dispatches.values()]
    return {
        "sender_tenants": list(dispatches),
        "lots": [Decimal(first % LOTS) / LOTS for first in firsts],
        "dispatches": [UUID(int=first + more) for first in firsts for more in range(MOST_ACCOUNTS)],
        "dispatches_each": MOST_ACCOUNTS,
    }

"""How fast an account at a provider is used, in the words of SQL: a token bucket for each, whoever sends by it.

Both are parts of the statements that claim messages and give them up, for there the messages are locked; an account
that is neither limited nor closed has no bucket, and costs nothing.
"""

from __future__ import annotations

import datetime as dt

from shared.platform.database import Connection
from shared.tenants.store import bucket_of

STILL_WAITS = dt.timedelta(seconds=10)
"""How long after their moment messages that were put off count as waiting: their ticket is on its way."""


def deciding_pace(wanted: str) -> str:
    """Decide which of the messages that would be sent may leave now, as a part of another statement, and take their
    tokens. Its table `held_back` has those that may not (`tenant`, `id`), and `put_off` says when they come back
    (`bucket`, `tenant`, `back_at`). A statement asks `(tenant, id) in (select tenant, id from held_back)`, which is
    hashed: a join of two parts of a statement, of whose sizes the planner knows nothing, compares each with each.

    A message costs a token, of which as many come each second as the account's rate says, up to its burst. Who wants
    some gets as much of what there is as it has waited of all the time that was waited since each got some last; one at
    least, unless somebody who is due has waited longer. Tenants that want some at once share it message by message, in
    the order of ids. A tenant's single messages and its crowds are queues of their own.

    A queue that is put off comes back as seldom as leaves all that wait their part, its tickets one after the other.
    One that got nothing at all comes back for the next token. While the provider wants a pause, that is after it.
    Tokens are millionths and times are microseconds, so none gets lost; a clock that goes back fills nothing twice.

    Args:
        wanted: in that statement, a table of messages (`tenant`, `id`, `bucket`) with their account's rate
            (`messages_per_second`, `burst`: null for none). The statement has the parameters `now`, `topic` and
            `still_waits`.
    """
    return f"""asking as (
  select bucket, min(messages_per_second)::bigint as rate, min(burst)::bigint as burst,
    count(distinct tenant) as tenants, array_agg(distinct tenant || '/' || %(topic)s) as queues
  from {wanted} group by bucket
),
buckets as (
  -- Locked after the messages and their credit, and in one order.
  select a.*, b.tokens, b.refilled_at, b.closed_until, b.queues as known
  from asking a join account_buckets b on b.identity = a.bucket
  order by b.identity for no key update of b
),
waiting_times as (
  select b.*, own.ours, own.longest, others.number, others.theirs, others.longest_due,
    least(
      burst * 1000000::numeric,
      tokens + greatest(0, extract(epoch from %(now)s - refilled_at) * 1000000) * rate
    )::bigint as filled
  from buckets b
  cross join lateral (
    select sum(waited) as ours, max(waited) as longest
    from unnest(b.queues) as q (queue) cross join lateral (
      select greatest(0, coalesce(
        extract(epoch from %(now)s - (known -> queue ->> 'since')::timestamptz) * 1000000, burst * 1000000 / rate
      )) as waited
    ) w
  ) own
  cross join lateral (
    select count(*) as number, coalesce(sum(waited), 0) as theirs,
      coalesce(max(waited) filter (where until <= %(now)s), 0) as longest_due
    from jsonb_each(known) as q (queue, told) cross join lateral (
      select greatest(0, extract(epoch from %(now)s - (told ->> 'since')::timestamptz) * 1000000) as waited,
        (told ->> 'until')::timestamptz as until
    ) w
    where queue <> all(b.queues) and until > %(now)s - %(still_waits)s
  ) others
),
shared_out as (
  select *, coalesce(closed_until > %(now)s, false) as closed, tenants + number as sharers,
    case when theirs = 0 then filled / 1000000 else greatest(
      div(div(filled * ours, ours + theirs), 1000000), least(filled / 1000000, (longest >= longest_due)::int)
    ) end as share
  from waiting_times
),
turns as (
  select w.tenant, w.id, w.bucket,
    row_number() over (partition by w.bucket order by w.turn, w.tenant) as place
  from (select *, row_number() over (partition by bucket, tenant order by id) as turn from {wanted}) w
),
allowed as (
  select t.tenant, t.id, s.bucket,
    s.bucket is null or not s.closed and (
      s.rate is null
      or t.place <= s.share
    ) as may
  from turns t left join shared_out s using (bucket)
),
late as (
  select a.bucket, a.tenant, a.tenant || '/' || %(topic)s as queue, s.rate, greatest(%(now)s, s.closed_until) as start,
    s.known -> (a.tenant || '/' || %(topic)s) as told, bool_or(a.may) as got_some,
    least(count(*) filter (where not a.may), s.burst) * s.sharers as parts
  from allowed a join shared_out s using (bucket)
  group by a.bucket, a.tenant, s.closed_until, s.known, s.burst, s.sharers, s.rate
  having not bool_and(a.may)
),
put_off as (
  select bucket, tenant, queue,
    case when got_some then %(now)s else coalesce((told ->> 'since')::timestamptz, %(now)s) end as since,
    greatest(start, last_at) + interval '1 microsecond' * coalesce(
      (case when got_some or last_at > start then parts else 1 end * 1000000 + rate - 1) / rate, 0
    ) as back_at
  from (select *, (told ->> 'until')::timestamptz as last_at from late) l
),
taken as (
  update account_buckets b
  set tokens = coalesce(
        s.filled - 1000000 * (select count(*) from allowed a where a.bucket = s.bucket and a.may), b.tokens
      ),
      refilled_at = case when s.rate is null then b.refilled_at else greatest(b.refilled_at, %(now)s) end,
      queues = (
        select coalesce(jsonb_object_agg(queue, told), '{{}}') from jsonb_each(s.known) as q (queue, told)
        where (told ->> 'until')::timestamptz > %(now)s - %(still_waits)s
      ) || (
        select coalesce(jsonb_object_agg(queue, jsonb_build_object('since', since, 'until', back_at)), '{{}}')
        from put_off p where p.bucket = s.bucket
      )
  from shared_out s
  where b.identity = s.bucket and (s.rate is not null or s.closed)
),
held_back as (select tenant, id from allowed where not may)"""


def closing(given_up: str) -> str:
    """Let nothing leave by an account for as long as its provider asks for a pause, as a part of another statement.

    Args:
        given_up: in that statement, a table of what the provider refused for now (`tenant`, `account`). The statement
            has the parameters `now` and `again_in`; null: it asked for none.
    """
    return f"""
  insert into account_buckets (identity, tokens, refilled_at, closed_until)
  select distinct {bucket_of("p")}, 0, %(now)s::timestamptz, %(now)s + %(again_in)s::interval
  from {given_up} g join provider_accounts p on p.tenant = g.tenant and p.id = g.account
  where %(again_in)s::interval is not null
  on conflict (identity) do update set closed_until = greatest(account_buckets.closed_until, excluded.closed_until)"""


PAUSE = closing("(select %(tenant)s::text as tenant, %(account)s::text as account)")


async def pause(connection: Connection, tenant: str, account: str, *, again_in: dt.timedelta, now: dt.datetime) -> None:
    """Let nothing leave by an account while its provider wants a pause, where no dispatch can be given up for that."""
    await connection.execute(PAUSE, {"tenant": tenant, "account": account, "again_in": again_in, "now": now})

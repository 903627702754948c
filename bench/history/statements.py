"""SQL that writes months of history at once, as the product would have left it: each statement fills a table.

Everything follows from a message's number: whose it is, by which call it went, what became of it, who paid for it. So a
table refers to rows of another without reading them.
"""

from __future__ import annotations

UNIT = 1_000
"""Messages that come together: a bulk send of one call, and single ones in calls of twenty and of one."""

CALLS = 121
"""First calls of a unit. Those that fall back go by another one each."""

# Laid out like shared/platform/ids.py: 48 bits of milliseconds, then what tells it from others.
ID_OF = """
create or replace function pg_temp.id_of(moment timestamptz, name text) returns uuid language sql immutable
return (
  lpad(to_hex(floor(extract(epoch from moment) * 1000)::bigint), 12, '0') || '7' || left(md5(name), 3)
  || '8' || substr(md5(name), 4, 15)
)::uuid
"""

CHUNK = """
create temporary table chunk on commit drop as
select s.*, moment + interval '1 second' as sent_at, moment + interval '3 seconds' as told_at,
  moment + interval '5 minutes' as again_at, moment + interval '303 seconds' as told_again_at,
  pg_temp.id_of(moment, 'message/' || number) as id,
  pg_temp.id_of(moment + interval '1 second', 'call/' || call) as dispatch,
  pg_temp.id_of(moment + interval '5 minutes', 'again/' || call) as again,
  pg_temp.id_of(moment + interval '1 second', 'hold/' || call) as hold,
  pg_temp.id_of(moment + interval '3 seconds', 'capture/' || call) as capture,
  pg_temp.id_of(moment + interval '303 seconds', 'capture again/' || call) as capture_again,
  pg_temp.id_of(moment + interval '303 seconds', 'release/' || call) as release
from (
  select p.*, 'h-' || person as customer, '0109' || lpad((person %% 10000000)::text, 7, '0') as phone,
    unit || '/' || slot as call,
    case slot when 0 then null else case
      when place = 999 then 'cancelled' when place %% 4 = 0 then 'dunning' else 'welcome' end end as workflow,
    date_trunc('milliseconds',
      %(begins)s::timestamptz + (unit - %(first)s + slot / 121.0) * %(a_unit)s::interval) as moment
  from (
    select number, number / 1000 as unit, place, tenant, number * 7919 %% %(people)s as person,
      case when place < 500 then 0 when place < 900 then 1 + (place - 500) / 20 else place - 879 end as slot,
      case when fate < 88 or fate = 98 then 'delivered' when fate < 96 then 'fell back' when fate < 98 then 'failed'
        else 'late' end as fate
    from generate_series(%(from)s::bigint, %(until)s::bigint - 1) as number
    cross join lateral (select number %% 1000 as place, number * 37 %% 100 as fate, number / 1000 as unit) n
    cross join lateral (
      select (%(tenants)s::text[])[
        case when unit %% 5 < 3 then 1 else 2 + (unit / 5 * 2 + unit %% 5 - 3) %% (cardinality(%(tenants)s) - 1) end
      ] as tenant
    ) t
  ) p
) s
"""

CUSTOMERS = """
insert into customers (tenant, id, name, phone, email, company, status, plan, as_of)
select distinct on (tenant, customer) tenant, customer, '홍길동', phone, customer || '@example.com', '길동상회',
  'active', 'premium', moment
from chunk order by tenant, customer, moment
on conflict do nothing
"""

EVENTS = """
insert into events (tenant, source, id, type, time, data, received_at, fingerprint, month)
select tenant, '//history.example/billing', 'h-' || number, case workflow
    when 'dunning' then 'payment.failed' when 'cancelled' then 'subscription.cancelled' else 'subscription.signup' end,
  moment, jsonb_build_object('customer', jsonb_build_object('id', customer, 'name', '홍길동', 'phone', phone, 'email',
    customer || '@example.com', 'company', '길동상회', 'status', 'active', 'plan', 'premium', 'locale', 'ko'),
    'campaign', 'autumn', 'seats', 3, 'invoice_id', 'inv-' || number),
  moment + interval '200 milliseconds', decode(md5('h-' || number), 'hex'), months.month_of(moment)
from chunk where workflow is not null order by number
"""

RUNS = """
insert into runs (
  tenant, workflow, key, version, customer, anchor_at, anchored_as_of, started_as_of, data, event_source, event_id,
  updated_at
)
select tenant, workflow, 'inv-' || number, 1, customer, moment, moment, moment,
  jsonb_build_object('invoice_id', 'inv-' || number), '//history.example/billing', 'h-' || number, moment
from chunk where workflow = 'dunning' order by number
"""

MESSAGES = """
insert into messages (
  tenant, id, customer, recipient, workflow, workflow_version, run_key, run_revision, step, event_source, event_id,
  template, template_version, variables, route, deadlines, position, attempt, tries, channel, status, reason, detail,
  provider, dispatch, provider_message_id, price, hold, held, settlement, due_at, expires_at, created_at, updated_at
)
select tenant, id, customer, phone, workflow, case when workflow is not null then 1 end,
  case when workflow is null then 'bulk-' || unit when workflow = 'dunning' then 'inv-' || number end,
  case workflow when 'dunning' then 1 end, case when workflow is not null then 0 end,
  case when workflow is not null then '//history.example/billing' end,
  case when workflow is not null then 'h-' || number end,
  case workflow when 'dunning' then 'payment-failed' when 'cancelled' then 'cancelled' else 'welcome' end, 1,
  '{"이름": "홍길동", "회사": "길동상회"}', '{alimtalk,sms}', '{300,3600}',
  twice::int, twice::int, 1, case when twice then 'sms' else 'alimtalk' end,
  (case fate when 'late' then 'expired' when 'failed' then 'failed' else 'delivered' end)::message_status,
  case fate when 'late' then 'too_late' when 'failed' then '3010' end,
  case fate when 'late' then 'its moment was over before it could be sent' when 'failed' then 'a wrong number' end,
  case when sent then 'solapi' end, case when twice then again when sent then dispatch end,
  case when sent then 'M-' || number end,
  case fate when 'delivered' then 15 when 'fell back' then 20 end,
  case when sent then hold end, case when sent then 20 end,
  case fate when 'delivered' then capture when 'fell back' then capture_again when 'failed' then release end,
  moment, moment + interval '1 hour', moment, case when twice then told_again_at when sent then told_at else sent_at end
from chunk cross join lateral (select fate <> 'late' as sent, fate in ('fell back', 'failed') as twice) f
order by number
"""

DISPATCHES = """
insert into dispatches (
  tenant, id, provider, account, topic, messages, state, provider_batch_id, lease_until, created_at, updated_at
)
select tenant, dispatch, 'solapi', 'main',
  case slot when 0 then 'bulk-send-requests' else 'send-requests' end, array_agg(id order by number),
  'closed'::dispatch_state,
  'G-' || dispatch, sent_at + interval '1 minute', sent_at, told_at
from chunk where fate <> 'late' group by tenant, dispatch, slot, sent_at, told_at
union all
select tenant, again, 'solapi', 'main', 'send-requests', array_agg(id order by number),
  'closed'::dispatch_state, 'G-' || again,
  again_at + interval '1 minute', again_at, told_again_at
from chunk where fate in ('fell back', 'failed') group by tenant, again, again_at, told_again_at
order by 2
"""

REPORTS = """
insert into reports (
  tenant, message, attempt, code, outcome, channel, provider, provider_message_id, at, received_at
)
select tenant, id, attempt, case when reached then '4000' when attempt = 0 then '3104' else '3010' end,
  case when reached then 'delivered' else 'failed' end, case attempt when 0 then 'alimtalk' else 'sms' end, 'solapi',
  'M-' || number, at, at
from (
  select *, 0 as attempt, fate = 'delivered' as reached, told_at as at from chunk where fate <> 'late'
  union all
  select *, 1, fate = 'fell back', told_again_at from chunk where fate in ('fell back', 'failed')
) as told
order by number, attempt
"""

ENTRIES = """
insert into ledger_entries (tenant, id, kind, balance_change, hold_change, key, messages, created_at)
select tenant, entry, kind::entry_kind, balance_change, hold_change, kind || '/' || entry, messages, at
from (
  select tenant, hold as entry, 'hold' as kind, 0 as balance_change, 20 * count(*) as hold_change,
    array_agg(id order by number) as messages, sent_at as at
  from chunk where fate <> 'late' group by tenant, hold, sent_at
  union all
  select tenant, capture, 'capture', -15 * count(*), -20 * count(*), array_agg(id order by number), told_at
  from chunk where fate = 'delivered' group by tenant, capture, told_at
  union all
  select tenant, capture_again, 'capture', -20 * count(*), -20 * count(*), array_agg(id order by number), told_again_at
  from chunk where fate = 'fell back' group by tenant, capture_again, told_again_at
  union all
  select tenant, release, 'release', 0, -20 * count(*), array_agg(id order by number), told_again_at
  from chunk where fate = 'failed' group by tenant, release, told_again_at
) as moved
order by at, kind
"""

BULK_SENDS = """
insert into bulk_sends (tenant, key, template, begun_at)
select distinct tenant, 'bulk-' || unit, 'welcome', moment from chunk where slot = 0
"""

BULK_COUNTS = """
insert into bulk_counts as c (tenant, queued) select tenant, count(*) from chunk where slot = 0 group by tenant
on conflict (tenant) do update set queued = c.queued + excluded.queued
"""

TABLES = {
    "customers": CUSTOMERS,
    "events": EVENTS,
    "runs": RUNS,
    "messages": MESSAGES,
    "dispatches": DISPATCHES,
    "reports": REPORTS,
    "ledger_entries": ENTRIES,
    "bulk_sends": BULK_SENDS,
    "bulk_counts": BULK_COUNTS,
}
"""What is filled, in this order."""

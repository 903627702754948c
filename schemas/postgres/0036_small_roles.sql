-- Each role does its own work and nothing else, whoever got hold of its password. Four walls:
-- 1. what it may do to which column; 2. which entries it may add to the ledger; 3. where a state may go from where it is;
-- 4. what of Postgres itself everybody may use. tests/schemas/walls.py says the same, and a test compares the two.

-- 1. A role writes the columns that its statements write.

revoke insert, update on customers, runs, events, timers from allim_events;
grant insert on customers, runs to allim_events;
grant insert (tenant, source, id, type, time, data, received_at), update (outcomes) on events to allim_events;
grant update (
  name, phone, email, company, status, plan, locale, attributes, as_of, told_at, attributes_told_at, filed
) on customers to allim_events;
grant update (
  version, customer, anchor_at, anchored_as_of, anchored_by, started_as_of, stopped_as_of, facts, data, event_source,
  event_id, revision, updated_at
) on runs to allim_events;
grant insert, update (due_at) on timers to allim_events;

-- The tick is left with timers, messages and their tickets; the sweeps have a role of their own.
revoke all on timers, messages, dispatches, outbox, reports, alerts, heartbeats, dead_letters, provider_accounts, prices,
  ledger_entries, credit_accounts, payment_orders, payment_cancels, billing_keys, automatic_topups, tenant_plans,
  plan_orders, plan_history from allim_ticker;
grant select, update (due_at), delete on timers to allim_ticker;  -- update: to lock what it takes
grant select (tenant, id, run_revision, status, reason), update (updated_at) on messages to allim_ticker;  -- the same
grant select, update (attempts, publish_at) on outbox to allim_ticker;
grant select, insert, update (at) on heartbeats to allim_ticker;

-- `payment_webhook` writes down which order to look at, and no more: migration 0038. Whoever sweeps asks, and adds credit.
revoke all on alerts, credit_accounts, ledger_entries, tenants, payment_orders, payment_cancels, billing_keys,
  automatic_topups, tenant_plans, plan_orders, plan_history, payment_webhooks from allim_payments;
do $$
declare
  table_name text;
begin
  foreach table_name in array array[
    'payment_orders', 'payment_cancels', 'billing_keys', 'automatic_topups', 'tenant_plans', 'plan_orders', 'plan_history'
  ] loop
    execute format('drop policy functions on %I', table_name);
  end loop;
  foreach table_name in array array['credit_accounts', 'alerts', 'tenants'] loop
    execute format('drop policy payments on %I', table_name);
  end loop;
end $$;

revoke insert on messages from allim_events;
grant insert (
  tenant, id, customer, recipient, workflow, workflow_version, run_key, run_revision, step, unless, event_source,
  event_id, template, template_version, variables, route, deadlines, channel, status, reason, detail, due_at, expires_at,
  created_at, updated_at
) on messages to allim_events, allim_ticker;

revoke update on messages from allim_sender, allim_reports;
grant update (
  status, attempt, position, channel, dispatch, tries, provider_message_id, reason, detail, price, settlement, updated_at
) on messages to allim_sender, allim_reports;
grant update (provider, hold, held) on messages to allim_sender;
revoke update (status, reason, detail, updated_at) on messages from allim_api;

revoke insert, update on dispatches from allim_sender;
grant insert (tenant, id, provider, account, topic, messages, lease_until, created_at, updated_at), update (
  state, provider_batch_id, error, lease_until, check_at, deadline_at, updated_at
) on dispatches to allim_sender;

revoke insert, update on outbox from allim_events, allim_sender, allim_reports, allim_api;
grant insert (tenant, id, topic, body, publish_at, created_at) on outbox
  to allim_events, allim_sender, allim_reports, allim_ticker, allim_api;
grant insert (held_until) on outbox to allim_sender;

revoke insert on dead_letters
  from allim_events, allim_sender, allim_reports, allim_webhook, allim_dead_letters, allim_watch;
grant insert (tenant, source, reason, detail, attributes, body, received_at, first_at) on dead_letters
  to allim_events, allim_sender, allim_reports, allim_ticker, allim_webhook, allim_dead_letters, allim_watch;

revoke insert, update on alerts from allim_sender, allim_reports, allim_reconcile;
grant insert (tenant, kind, detail, raised_at) on alerts to allim_sender, allim_reports, allim_reconcile;
grant update (resolved_at) on alerts to allim_reconcile;

revoke update on heartbeats from allim_reports;
grant update (at) on heartbeats to allim_reports;
revoke update on alert_notices from allim_watch;
grant update (
  firing, since, value, threshold, detail, owed, told, told_at, claim, claimed_until, retry_at
) on alert_notices to allim_watch;

-- What a ticket says and what was reported is for others to read than those who write it.
revoke select on outbox from allim_sender;
grant select (tenant, id) on outbox to allim_sender;  -- to consume it
revoke select on reports from allim_sender, allim_reports;

-- Who is told of a report reads no tenant's row.
revoke select on tenants from allim_reports;

-- What a business says and when, which of its words Kakao has approved and what it pays, is changed by the owner alone:
-- `allim` loads it, and no function does. One tenant's role sends, and adds the customers whom it sends to.
revoke insert, update on templates, workflows, automatic_topups from allim_api;
revoke insert, update (approval) on template_versions from allim_api;
revoke insert on workflow_versions from allim_api;
revoke insert, update, delete on groups, group_members from allim_api;
revoke update, delete on customers from allim_api;
revoke update (wait_for_credit, low_balance) on credit_accounts from allim_api;
grant update (
  name, phone, email, company, status, plan, locale, attributes, as_of, told_at, attributes_told_at, filed
) on customers to allim_api;

-- Who only locks a row needs the right to update a column of it, and gets it without the use.
create policy locks_only on timers as restrictive for update to allim_ticker using (true) with check (false);
create policy locks_only on messages as restrictive for update to allim_events, allim_ticker
  using (true) with check (false);
create policy locks_only on credit_accounts as restrictive for update to allim_sender, allim_reports, allim_sweeper
  using (true) with check (false);

-- Whoever makes a message makes one that waits, or one that has ended before it could leave.
create policy begins on messages as restrictive for insert
  with check (status = 'queued' or status between 'expired' and 'failed');
create policy begins on dispatches as restrictive for insert with check (state = 'open');
create policy begins on payment_orders as restrictive for insert with check (status in ('created', 'confirming'));

create policy tick_alone on heartbeats as restrictive to allim_ticker using (true) with check (name = 'tick');
create policy sweeps_alone on heartbeats as restrictive to allim_sweeper using (true) with check (name = 'sweeps');
create policy callbacks_alone on heartbeats as restrictive to allim_reports using (true) with check (name = 'callbacks');
create policy senders_alerts on alerts as restrictive for insert to allim_sender
  with check (kind in ('credit_shortage', 'words_refused'));
create policy reports_alerts on alerts as restrictive for insert to allim_reports with check (kind = 'words_refused');
create policy not_the_ledgers on alerts as restrictive to allim_sweeper
  using (true) with check (kind <> 'ledger_difference');

-- 2. Entries of the ledger by what they are. Credit comes from an order that names it, in its amount; it is given again
-- for a cancel that took it and was refused; and what moves the money of messages lists them.
drop policy functions on ledger_entries;
drop policy payments on ledger_entries;
revoke select on ledger_entries from allim_sender, allim_reports;
create policy holds on ledger_entries for insert to allim_sender
  with check (kind in ('hold', 'release') and cardinality(messages) > 0);
create policy settles on ledger_entries for insert to allim_reports, allim_sweeper
  with check (kind in ('capture', 'release', 'hold_expiry') and cardinality(messages) > 0);
create policy tops_up on ledger_entries for insert to allim_sweeper
  with check (kind = 'topup' and exists (
    select from payment_orders o
    where o.tenant = ledger_entries.tenant and o.id = ledger_entries.reference and o.purpose <> 'plan'
      and o.amount = ledger_entries.balance_change and ledger_entries.key like 'toss/%/' || o.reversals
  ));
create policy takes_back on ledger_entries for insert to allim_sweeper
  with check (kind = 'refund' and exists (
    select from payment_orders o
    where o.tenant = ledger_entries.tenant and o.id = ledger_entries.reference and o.amount >= -ledger_entries.balance_change
  ));
create policy gives_again on ledger_entries for insert to allim_sweeper
  with check (kind = 'adjustment' and exists (
    select from payment_cancels c
    where c.tenant = ledger_entries.tenant and c.order_id = ledger_entries.reference and c.status = 'refused'
      and c.amount = ledger_entries.balance_change and ledger_entries.key = 'cancel-refused/' || c.id
  ));

-- An entry that moves messages' money moves what they say: as much as is held for each, and as is paid. So nothing is
-- captured beyond its hold, and no hold ends twice. The owner may mend what is wrong, and restore what was.
create function prove_entries() returns trigger
  language plpgsql set search_path = pg_catalog, public, pg_temp as $$
declare
  unproven uuid;
begin
  if not exists (select from added where messages is not null) then
    return null;
  end if;
  select a.id into unproven
  from added a
  cross join lateral (
    select count(*) as messages, sum(m.held) as held, sum(m.price) as price
    from unnest(a.messages) as listed (id)
    cross join lateral (
      select held, price from messages
      where tenant = a.tenant and id = listed.id and (case a.kind when 'hold' then hold else settlement end) = a.id
      offset 0
    ) m
  ) said
  where said.messages <> cardinality(a.messages) or (case a.kind
    when 'hold' then a.hold_change = said.held
    when 'capture' then a.balance_change = -said.price and a.balance_change >= -said.held
      and a.hold_change in (-said.held, 0)
    else said.price is null and a.hold_change = -said.held end) is not true
  limit 1;
  if found then
    raise exception 'entry % is not what its messages say', unproven using errcode = 'restrict_violation';
  end if;
  return null;
end $$;
revoke execute on function prove_entries() from public;
create trigger proven after insert on ledger_entries referencing new table as added
  for each statement when (row_security_active('public.ledger_entries')) execute function prove_entries();

-- 3. Nothing moves backwards. What moves forward is let through by the condition, which costs less than a call; only who
-- is walled in is held to it, for the owner may have to mend a row.
create function refuse_step_back() returns trigger
  language plpgsql set search_path = pg_catalog, public, pg_temp as $$
begin
  raise exception 'a row of % can''t come from % to %', tg_table_name, to_jsonb(old) -> tg_argv[0],
    to_jsonb(new) -> tg_argv[0] using errcode = 'restrict_violation';
end $$;
revoke execute on function refuse_step_back() from public;

-- The order of shared/messages/status.py: a delivery is greater than everything; before it, the later attempt.
create trigger forward after update of status, attempt on messages for each row
  when (not (
    case
      when new.status >= 'delivered'
        then old.status < 'delivered' or new.status > old.status
          or new.status = old.status and new.attempt <= old.attempt
      else old.status < 'delivered'
        and (new.attempt > old.attempt or new.attempt = old.attempt and new.status >= old.status)
    end
  ) and row_security_active('public.messages'))
  execute function refuse_step_back('status');

-- A price stays. A hold gives way to another once it is settled and nothing was paid; so does its settlement, which also
-- becomes a capture when the delivery comes late.
create trigger money_stays after update of hold, held, settlement, price on messages for each row
  when ((
    old.price is distinct from new.price and old.price is not null
    or (old.hold, old.held) is distinct from (new.hold, new.held)
      and old.hold is not null and (old.settlement is null or old.price is not null)
    or old.settlement is distinct from new.settlement and old.settlement is not null
      and old.hold is not distinct from new.hold and (old.price is not null or new.price is null)
  ) and row_security_active('public.messages'))
  execute function refuse_step_back('settlement');

create trigger forward after update of state on dispatches for each row
  when (new.state <> old.state and (old.state, new.state) not in (
    ('open', 'prepared'), ('open', 'abandoned'), ('prepared', 'sent'), ('prepared', 'abandoned'), ('prepared', 'closed'),
    ('sent', 'closed')
  ) and row_security_active('public.dispatches'))
  execute function refuse_step_back('state');

create trigger forward after update of status, cancelled, reversals on payment_orders for each row
  when ((
    new.status <> old.status and (new.status = 'created' or old.status not in ('created', 'failed')
      and new.status = 'confirming' or old.status = 'cancelled')
    or new.cancelled < old.cancelled or new.reversals not between old.reversals and old.reversals + 1
  ) and row_security_active('public.payment_orders'))
  execute function refuse_step_back('status');

create trigger forward after update of status on payment_cancels for each row
  when (new.status <> old.status and old.status <> 'asked' and row_security_active('public.payment_cancels'))
  execute function refuse_step_back('status');

create trigger forward after update of revision on runs for each row
  when (new.revision < old.revision and row_security_active('public.runs'))
  execute function refuse_step_back('revision');

create trigger forward after update of applied_at on plan_orders for each row
  when (old.applied_at is not null and new.applied_at is distinct from old.applied_at
    and row_security_active('public.plan_orders'))
  execute function refuse_step_back('applied_at');

create trigger forward after update of resolved_at on alerts for each row
  when (old.resolved_at <> 'infinity' and new.resolved_at <> old.resolved_at and row_security_active('public.alerts'))
  execute function refuse_step_back('resolved_at');

-- Nobody is written to but a Korean mobile number. A customer's own `phone` is what somebody told, in their words: it
-- becomes a recipient once it is read as one. What is stored already is looked at below, while everybody works.
alter table messages add constraint recipient_is_a_mobile
  check (recipient ~ '^01(0[0-9]{8}|[16789][0-9]{7,8})$') not valid;

-- 4. What Postgres lets everybody do. Where another owns these functions, as on a hosted Postgres, it stays as it was.
do $$
declare
  taken regprocedure;
begin
  for taken in
    select p.oid from pg_proc p
    where p.pronamespace = 'pg_catalog'::regnamespace
      and (p.proname ~ '^lo_' or p.proname in ('loread', 'lowrite') or p.proname ~ '^pg_(try_)?advisory_')
  loop
    begin
      execute format('revoke execute on function pg_catalog.%s from public', taken);
    exception when insufficient_privilege then
      null;
    end;
  end loop;
  begin
    grant execute on function pg_advisory_xact_lock(bigint) to allim_events, allim_api;
  exception when insufficient_privilege then
    null;
  end;
end $$;

-- The sender looks once more whom it writes to: a customer of the message's tenant.
grant select (tenant, id) on customers to allim_sender;

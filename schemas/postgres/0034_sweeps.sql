-- Sweeps run in a function of their own, `on_sweep_tick`, with a role of its own; the tick is left with timers and
-- tickets.
--
-- What is taken is put off for longer each time (`takes` counts), so that what can't be done keeps nobody waiting. And the
-- ends of channels' times are found by an index of their own, not among all that is looked at again.
do $$
declare
  login text;
begin
  foreach login in array array['allim_sweeper', 'allim_sweeper_a', 'allim_sweeper_b'] loop
    begin
      execute format('create role %I nologin', login);
    exception when duplicate_object or unique_violation then
      null;
    end;
    if login <> 'allim_sweeper' then
      execute format('grant allim_sweeper to %I', login);
    end if;
    execute format('alter role %I set statement_timeout = ''30s''', login);
    execute format('alter role %I set lock_timeout = ''10s''', login);
    execute format('alter role %I set idle_in_transaction_session_timeout = ''60s''', login);
  end loop;
end $$;

do $$
declare
  table_name text;
begin
  foreach table_name in array array[
    'messages', 'dispatches', 'reports', 'outbox', 'dead_letters', 'credit_accounts', 'alerts', 'payment_orders',
    'payment_cancels', 'automatic_topups', 'tenant_plans', 'plan_orders', 'plan_history', 'heartbeats'
  ] loop
    execute format('create policy sweeps on %I to allim_sweeper using (true) with check (true)', table_name);
  end loop;
  foreach table_name in array array[
    'tenants', 'provider_accounts', 'prices', 'workflows', 'customers', 'runs', 'ledger_entries', 'billing_keys'
  ] loop
    execute format('create policy sweeps on %I for select to allim_sweeper using (true)', table_name);
  end loop;
end $$;

-- What it asks, column by column; which entries it adds to the ledger says migration 0036.
grant usage on schema public to allim_sweeper;
grant select on provider_accounts, prices, billing_keys, messages, dispatches, outbox, credit_accounts, alerts,
  payment_orders, payment_cancels, automatic_topups, tenant_plans, plan_orders, heartbeats, account_buckets
  to allim_sweeper;
grant select (id, revision, suspended_at) on tenants to allim_sweeper;
grant select (tenant, name, active) on workflows to allim_sweeper;
grant select (tenant, id) on customers, ledger_entries to allim_sweeper;
grant select (tenant, workflow, key, revision, facts, started_as_of) on runs to allim_sweeper;
grant update (
  status, attempt, position, channel, dispatch, provider, tries, provider_message_id, reason, detail, price, hold, held,
  settlement, updated_at
) on messages to allim_sweeper;
grant insert on reports, ledger_entries, plan_history to allim_sweeper;
grant insert (tenant, id, topic, body, publish_at, held_until, created_at), delete on outbox to allim_sweeper;
grant insert (tenant, source, reason, detail, attributes, body, received_at, first_at) on dead_letters to allim_sweeper;
grant update (low_balance) on credit_accounts to allim_sweeper;  -- to lock the row
grant insert (tenant, kind, detail, raised_at), update (resolved_at) on alerts to allim_sweeper;
grant insert (tenant, id, amount, purpose, status, created_at, updated_at), update (
  status, payment_key, method, deposit_secret, cancelled, reversals, failure_code, failure_detail, updated_at, asks,
  ask_again_at
) on payment_orders to allim_sweeper;
grant insert (
  tenant, id, order_id, amount, reason, status, transaction_key, detail, created_at, updated_at
), update (status, transaction_key, detail, updated_at, asks, ask_again_at) on payment_cancels to allim_sweeper;
grant insert (tenant, order_id, kind, plan, fee, anchor, period_start, period_end), update (applied_at)
  on plan_orders to allim_sweeper;
grant insert, update (at) on heartbeats to allim_sweeper;
grant insert (identity, tokens, refilled_at, closed_until), update (tokens, refilled_at, closed_until, queues)
  on account_buckets to allim_sweeper;

alter table dispatches
  add column takes smallint not null default 0,
  add column deadline_at timestamptz;
update dispatches d set deadline_at = (
  select min(d.created_at + make_interval(secs => m.deadlines[m.position + 1])) from messages m
  where m.tenant = d.tenant and m.id = any(d.messages) and m.dispatch = d.id and m.status in ('sending', 'sent')
    and m.position + 1 < cardinality(m.route)
)
where state = 'sent';
create index dispatches_by_deadline on dispatches (deadline_at) where state = 'sent' and deadline_at is not null;

-- It claims only what is over, by the statement of all claims: that opens no dispatch, though it may be asked to.
grant insert (tenant, id, provider, account, topic, messages, lease_until, created_at, updated_at), update (
  state, checks, takes, error, lease_until, check_at, deadline_at, updated_at
) on dispatches to allim_sweeper;
create policy opens_none on dispatches as restrictive for insert to allim_sweeper with check (false);

alter table automatic_topups add column takes smallint not null default 0;
alter table tenant_plans add column takes smallint not null default 0;
grant update (failures, next_try_at, enabled, takes) on automatic_topups to allim_sweeper;
grant update (
  plan, fee, anchor, period_start, period_end, next_plan, status, past_due_since, tries, pending_order, granted,
  granted_until, next_try_at, takes
) on tenant_plans to allim_sweeper;

alter table heartbeats drop constraint heartbeats_name_check,
  add constraint heartbeats_name_check check (name in ('tick', 'sweeps', 'callbacks'));
insert into heartbeats (name, at) values ('sweeps', now());

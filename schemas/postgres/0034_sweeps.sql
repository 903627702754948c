-- Sweeps run in a function of their own, `on_sweep_tick`, with a role of its own; the tick is left with timers and
-- tickets. (What it needs no more is taken from its role with a later migration: the code before this one still sweeps.)
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
    'provider_accounts', 'messages', 'dispatches', 'reports', 'outbox', 'dead_letters', 'prices', 'runs', 'ledger_entries',
    'credit_accounts', 'alerts', 'payment_orders', 'payment_cancels', 'billing_keys', 'automatic_topups', 'tenant_plans',
    'plan_orders', 'plan_history', 'heartbeats'
  ] loop
    execute format('create policy sweeps on %I to allim_sweeper using (true) with check (true)', table_name);
  end loop;
end $$;
create policy sweeps on tenants for select to allim_sweeper using (true);

grant usage on schema public to allim_sweeper;
grant select on tenants, provider_accounts, prices, runs, billing_keys to allim_sweeper;
grant select, update on messages, dispatches, automatic_topups, tenant_plans to allim_sweeper;
grant select, insert on reports, ledger_entries, plan_history to allim_sweeper;
grant select, insert, update on outbox, alerts, payment_orders, payment_cancels, plan_orders, heartbeats to allim_sweeper;
grant select, update (low_balance) on credit_accounts to allim_sweeper;  -- update: to lock the row
grant insert on dead_letters to allim_sweeper;

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

alter table automatic_topups add column takes smallint not null default 0;
alter table tenant_plans add column takes smallint not null default 0;

alter table heartbeats drop constraint heartbeats_name_check,
  add constraint heartbeats_name_check check (name in ('tick', 'sweeps', 'callbacks'));
insert into heartbeats (name, at) values ('sweeps', now());

-- Who watches: what works leaves a trace, `health` reads, and `watch` remembers what it has told people.

do $$
declare
  role_name text;
begin
  foreach role_name in array array[
    'allim_health',  -- health: reads, and nothing else
    'allim_watch'    -- watch: reads the same, and keeps its notices
  ] loop
    begin
      execute format('create role %I nologin', role_name);
    exception when duplicate_object or unique_violation then
      null;
    end;
  end loop;
end $$;

-- When something was last seen at work. `tick`: a tick let what was due speak; `callbacks`: providers' reports came.
-- At most one update a minute and instance. Both begin now: before the first one, that is how long none has come.
create table heartbeats (
  name text primary key check (name in ('tick', 'callbacks')),
  at timestamptz not null
);
insert into heartbeats (name, at) values ('tick', now()), ('callbacks', now());

-- What people were told of each alert. `tenant` is empty for what concerns the whole platform.
create table alert_notices (
  tenant text not null,
  kind text not null,
  firing boolean not null,                               -- as the newest watch saw it
  since timestamptz not null,                            -- firing, or over, since then
  value text not null,
  threshold text not null,
  detail text not null,
  owed boolean not null,                                 -- it opened, and nobody was told yet
  told boolean not null default false,                   -- the last that people heard is that it is open
  told_at timestamptz not null default '-infinity',      -- when they heard so
  claim uuid,                                            -- of the watch that is telling them now
  claimed_until timestamptz not null default '-infinity',
  retry_at timestamptz not null default '-infinity',     -- Slack asked for silence until then, about anything
  primary key (tenant, kind)
);

-- What is open is looked at each minute, and is little among all that is over.
create index dead_letters_open on dead_letters (received_at) where state = 'open';
create index alerts_open on alerts (tenant, kind) where resolved_at = 'infinity';

alter table heartbeats enable row level security;
create policy functions on heartbeats to allim_ticker, allim_reports using (true) with check (true);
alter table alert_notices enable row level security;
create policy watch on alert_notices to allim_watch using (true) with check (true);
create policy operator on alert_notices for select to allim_operator using (true);

do $$
declare
  table_name text;
begin
  foreach table_name in array array[
    'heartbeats', 'provider_accounts', 'timers', 'messages', 'dispatches', 'outbox', 'dead_letters', 'credit_accounts',
    'alerts', 'payment_orders'
  ] loop
    execute format('create policy watch on %I for select to allim_health, allim_watch using (true)', table_name);
  end loop;
end $$;

grant usage on schema public to allim_health, allim_watch;
grant select, insert, update on heartbeats to allim_ticker, allim_reports;
grant select on heartbeats, alerts, outbox to allim_health, allim_watch;
grant select (tenant, id, provider, active) on provider_accounts to allim_health, allim_watch;
grant select (due_at) on timers to allim_health, allim_watch;
grant select (tenant, id, status, due_at) on messages to allim_health, allim_watch;
grant select (tenant, id, provider, account, state, created_at, check_at) on dispatches to allim_health, allim_watch;
grant select (received_at, state) on dead_letters to allim_health, allim_watch;
grant select (tenant, balance, held, low_balance) on credit_accounts to allim_health, allim_watch;
grant select (status, created_at, updated_at) on payment_orders to allim_health, allim_watch;
grant select, insert, update on alert_notices to allim_watch;
grant select on alert_notices, heartbeats to allim_operator;
create policy operator on heartbeats for select to allim_operator using (true);

-- A call that is none of the scheduler's.
grant insert on dead_letters to allim_watch;
create policy watch_keeps on dead_letters for insert to allim_watch with check (true);

grant select on heartbeats, alert_notices to allim_backup;
create policy backup on heartbeats for select to allim_backup using (true);
create policy backup on alert_notices for select to allim_backup using (true);

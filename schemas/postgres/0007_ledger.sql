-- Credits: every won is held, captured or given back, and it can be proven.
--
-- Entries are only added. Each says by how much it changes the balance and the open holds; an account's totals are the
-- sums of its entries, kept by a trigger, and a check holds what is available at zero or more, whoever asks at once.

create type entry_kind as enum ('topup', 'hold', 'capture', 'release', 'refund', 'adjustment', 'hold_expiry');

create table credit_accounts (
  tenant text primary key references tenants,
  balance numeric(16, 2) not null default 0,
  held numeric(16, 2) not null default 0 check (held >= 0),
  wait_for_credit boolean not null default false,
  low_balance numeric(16, 2) not null default 10000 check (low_balance >= 0),
  created_at timestamptz not null default now(),
  constraint never_overdrawn check (balance - held >= 0)
);

create table ledger_entries (
  tenant text not null references credit_accounts,
  id uuid not null,
  kind entry_kind not null,
  balance_change numeric(16, 2) not null default 0,
  hold_change numeric(16, 2) not null default 0,
  key text not null,
  messages uuid[],
  reference text,
  created_at timestamptz not null,
  primary key (tenant, id),
  constraint once unique (tenant, key),
  constraint moves_as_its_kind check (case kind
    when 'topup' then balance_change > 0 and hold_change = 0
    when 'hold' then balance_change = 0 and hold_change >= 0
    when 'capture' then balance_change <= 0 and hold_change <= 0
    when 'release' then balance_change = 0 and hold_change <= 0
    when 'hold_expiry' then balance_change = 0 and hold_change <= 0
    when 'refund' then balance_change < 0 and hold_change = 0
    else balance_change <> 0 and hold_change = 0 end)
);
create index ledger_entries_by_time on ledger_entries (tenant, created_at);
create trigger append_only before update or delete or truncate on ledger_entries
  for each statement execute function refuse_change();

create function keep_totals() returns trigger language plpgsql security definer set search_path = public as $$
begin
  -- In one order, so that two batches of the same tenants never wait for each other in a circle.
  perform from credit_accounts where tenant in (select tenant from added) order by tenant for no key update;
  update credit_accounts a
  set balance = a.balance + e.balance_change, held = a.held + e.hold_change
  from (
    select tenant, sum(balance_change) as balance_change, sum(hold_change) as hold_change from added group by tenant
  ) as e
  where a.tenant = e.tenant;
  return null;
end $$;
create trigger totals after insert on ledger_entries referencing new table as added
  for each statement execute function keep_totals();

create function open_credit_account() returns trigger language plpgsql security definer set search_path = public as $$
begin
  insert into credit_accounts (tenant) values (new.id);
  return null;
end $$;
create trigger credit_account after insert on tenants for each row execute function open_credit_account();
insert into credit_accounts (tenant) select id from tenants;

-- What pays for a message: the entry that holds, how much, and the entry that settles the hold. A message can't come to
-- its end with its hold unsettled.
alter table messages
  add column hold uuid,
  add column held numeric(12, 2) check (held >= 0),
  add column settlement uuid,
  add constraint held_and_settled check (hold is null or settlement is not null or status < 'expired');

-- What a person should know. One open alert of a kind a tenant.
create table alerts (
  tenant text not null references tenants,
  kind text not null,
  detail text not null,
  raised_at timestamptz not null,
  resolved_at timestamptz not null default 'infinity',
  primary key (tenant, kind, resolved_at)
);
alter table alerts enable row level security;
alter table credit_accounts enable row level security;
alter table ledger_entries enable row level security;
do $$
declare
  table_name text;
begin
  foreach table_name in array array['credit_accounts', 'ledger_entries', 'alerts'] loop
    execute format(
      'create policy own_tenant on %I to allim_api
         using (tenant = (select current_setting(''allim.tenant'', true)))
         with check (tenant = (select current_setting(''allim.tenant'', true)))', table_name);
    execute format('create policy operator on %I for select to allim_operator using (true)', table_name);
    execute format(
      'create policy functions on %I to allim_sender, allim_reports, allim_ticker using (true) with check (true)',
      table_name);
  end loop;
end $$;
grant select, insert on ledger_entries to allim_sender, allim_reports, allim_ticker;
grant select on credit_accounts to allim_sender, allim_reports, allim_ticker;
grant select, insert, update on alerts to allim_sender, allim_reports, allim_ticker;
grant select on alerts to allim_api, allim_operator;
grant update (low_balance) on credit_accounts to allim_sender, allim_reports, allim_ticker;  -- to lock the row
grant select on ledger_entries, credit_accounts to allim_api, allim_operator;
grant update (wait_for_credit, low_balance) on credit_accounts to allim_api;

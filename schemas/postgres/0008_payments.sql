-- Top-ups paid through Toss Payments. An order is ours and is written before anything is paid; what Toss knows of it is
-- fetched, never believed from a call. What a payment does to the ledger is keyed by Toss's own names, so that it
-- happens once however often it is told.

create type order_status as enum (
  'created', 'confirming', 'waiting_for_deposit', 'paid', 'partly_cancelled', 'cancelled', 'failed'
);
create table payment_orders (
  tenant text not null references tenants,
  id text not null check (id ~ '^[A-Za-z0-9_-]{6,64}$'),
  amount numeric(16, 0) not null check (amount > 0),
  purpose text not null check (purpose in ('topup', 'automatic_topup', 'plan')),
  status order_status not null default 'created',
  payment_key text,
  method text,
  deposit_secret text,
  cancelled numeric(16, 0) not null default 0 check (cancelled >= 0 and cancelled <= amount),
  reversals smallint not null default 0,  -- a deposit can be taken back by its bank, and made again
  failure_code text,
  failure_detail text,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (tenant, id),
  constraint order_id_is_unique_at_toss unique (id)
);
create index payment_orders_recent on payment_orders (tenant, created_at desc);

-- A cancel that was asked for: its credit is taken back before Toss is asked, and given again when Toss refuses.
create table payment_cancels (
  tenant text not null,
  id uuid not null,
  order_id text not null,
  amount numeric(16, 0) not null check (amount > 0),
  reason text not null check (length(reason) between 1 and 200),
  status text not null default 'asked' check (status in ('asked', 'done', 'refused')),
  transaction_key text,
  detail text,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (tenant, id),
  foreign key (tenant, order_id) references payment_orders
);

-- Webhook deliveries handled, so that a repeated one does nothing.
create table payment_webhooks (
  transmission_id text primary key,
  event_type text not null,
  order_id text,
  received_at timestamptz not null
);

-- A card that a tenant registered. `billing_key` is AES-256-GCM ciphertext.
create table billing_keys (
  tenant text primary key references tenants,
  customer_key text not null,
  billing_key bytea not null,
  created_at timestamptz not null
);

-- Automatic top-up: below `threshold` won, `amount` is charged to the registered card, `daily_cap` won a day at most.
create table automatic_topups (
  tenant text primary key references tenants,
  threshold numeric(16, 0) not null check (threshold >= 0),
  amount numeric(16, 0) not null check (amount > 0),
  daily_cap numeric(16, 0) not null,
  enabled boolean not null default true,
  failures smallint not null default 0,
  next_try_at timestamptz not null default '-infinity',
  check (daily_cap >= amount)
);

do $$
declare
  table_name text;
begin
  foreach table_name in array array['payment_orders', 'payment_cancels', 'billing_keys', 'automatic_topups'] loop
    execute format('alter table %I enable row level security', table_name);
    execute format(
      'create policy own_tenant on %I to allim_api
         using (tenant = (select current_setting(''allim.tenant'', true)))
         with check (tenant = (select current_setting(''allim.tenant'', true)))', table_name);
    execute format('create policy operator on %I for select to allim_operator using (true)', table_name);
    execute format('create policy functions on %I to allim_payments, allim_ticker using (true) with check (true)',
      table_name);
  end loop;
end $$;
alter table payment_webhooks enable row level security;
create policy functions on payment_webhooks to allim_payments using (true) with check (true);
create policy payments on ledger_entries to allim_payments using (true) with check (true);
create policy payments on credit_accounts to allim_payments using (true) with check (true);
create policy payments on alerts to allim_payments using (true) with check (true);
create policy payments on tenants for select to allim_payments using (true);

grant usage on schema public to allim_payments;
grant select, insert, update on payment_orders, payment_cancels, billing_keys, automatic_topups, alerts
  to allim_payments, allim_ticker;
grant select, insert on payment_webhooks to allim_payments;
grant select, insert on ledger_entries to allim_payments;
grant select on credit_accounts, tenants to allim_payments;
grant select on payment_orders, payment_cancels, automatic_topups to allim_api, allim_operator;
grant insert, update on automatic_topups to allim_api;

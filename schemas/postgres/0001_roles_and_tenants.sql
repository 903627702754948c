-- Who may connect, and who sends. Roles belong to the cluster, so a second database finds them already there.
-- They are created without the right to log in: whoever deploys gives each one a password of its own.
do $$
declare
  role_name text;
begin
  foreach role_name in array array[
    'allim_events',        -- on_subscription_event
    'allim_sender',        -- on_send_request
    'allim_reports',       -- on_delivery_callback
    'allim_ticker',        -- on_reminder_tick
    'allim_webhook',       -- provider_webhook
    'allim_payments',      -- payment_webhook
    'allim_dead_letters',  -- on_dead_letter
    'allim_api',           -- people and programs, one tenant at a time
    'allim_operator'       -- who runs the platform: reads all tenants
  ] loop
    begin
      execute format('create role %I nologin', role_name);
    exception when duplicate_object or unique_violation then
      null;
    end;
  end loop;
end $$;

-- A tenant is a business that sends. `revision` grows with every change of its workflows, templates, accounts or
-- prices, so that a function knows in the statement it makes anyway whether what it remembers is still true.
create table tenants (
  id text primary key check (id ~ '^[a-z][a-z0-9-]{1,39}$'),
  name text not null,
  revision bigint not null default 1,
  created_at timestamptz not null default now()
);

create function bump_tenant_revision() returns trigger language plpgsql security definer set search_path = public as $$
begin
  update tenants set revision = revision + 1 where id = coalesce(new.tenant, old.tenant);
  return null;
end $$;

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only: % refused', tg_table_name, tg_op using errcode = 'restrict_violation';
end $$;

-- An account at a provider. `credentials` is AES-256-GCM ciphertext: the key is never in the database.
create table provider_accounts (
  tenant text not null references tenants,
  id text not null check (id ~ '^[a-z][a-z0-9-]{0,39}$'),
  provider text not null,
  sender text not null,
  kakao_channel text,
  credentials bytea not null,
  active boolean not null default true,
  created_at timestamptz not null default now(),
  primary key (tenant, id)
);
create unique index one_active_account on provider_accounts (tenant) where active;
create trigger revision after insert or update or delete on provider_accounts
  for each row execute function bump_tenant_revision();

-- Prices are data. A tenant starts with the defaults and may be given others from a moment on.
create table default_prices (
  channel text primary key,
  price numeric(12, 2) not null check (price >= 0)
);
insert into default_prices (channel, price) values ('alimtalk', 15), ('sms', 20), ('lms', 50), ('mms', 200);

create table prices (
  tenant text not null references tenants,
  channel text not null,
  valid_from timestamptz not null default now(),
  price numeric(12, 2) not null check (price >= 0),
  primary key (tenant, channel, valid_from)
);
create trigger revision after insert or update or delete on prices
  for each row execute function bump_tenant_revision();

create function give_default_prices() returns trigger language plpgsql security definer set search_path = public as $$
begin
  insert into prices (tenant, channel, valid_from, price)
  select new.id, channel, '-infinity', price from default_prices;
  return null;
end $$;
create trigger default_prices after insert on tenants for each row execute function give_default_prices();

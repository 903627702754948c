-- What the internet calls holds little. `provider_webhook` knows digests of what providers prove themselves with, and neither
-- credentials nor the key of them; `payment_webhook` writes down which order to look at, and whoever asks Toss is elsewhere.

-- By what a provider's calls for an account are known. `digest` is null for an account from before this table: its secret
-- is sealed, so only who has the key can fill it in. An account without a secret has no row: it takes no calls.
create table webhook_secrets (
  tenant text not null,
  account text not null,
  provider text not null,
  digest bytea check (length(digest) = 32),
  primary key (tenant, account),
  foreign key (tenant, account) references provider_accounts on delete cascade
);
insert into webhook_secrets (tenant, account, provider) select tenant, id, provider from provider_accounts;
create index webhook_secrets_unknown on webhook_secrets (tenant, account) where digest is null;

alter table webhook_secrets enable row level security;
create policy functions on webhook_secrets for select to allim_webhook using (true);
create policy backup on webhook_secrets for select to allim_backup using (true);
grant select on webhook_secrets to allim_webhook, allim_backup;
revoke select on tenants, provider_accounts from allim_webhook;

-- How often a source knocked at a door in a window of time. Rows of windows that are over are taken away by who counts.
create table door_counts (
  door text not null,
  source text not null,
  since timestamptz not null,
  number bigint not null check (number > 0),
  primary key (door, source, since)
);
create index door_counts_by_age on door_counts (since);
grant select, insert, update (number), delete on door_counts to allim_webhook;
grant select on door_counts to allim_backup, allim_operator;

-- Orders that somebody, perhaps Toss, said something about. While one is `owed`, it is to be looked at, from `look_at` on.
-- `telling` names what was said last, and `taken` what had been said when the last look-up began: where they are one, the
-- next call is news, and where they are not, a look-up is owed already that begins after it. A row leaves when none is owed.
create table payment_look_ups (
  tenant text not null,
  order_id text not null,
  telling uuid not null default gen_random_uuid(),
  taken uuid,
  owed boolean not null default true,
  tries smallint not null default 0 check (tries >= 0),
  look_at timestamptz not null,
  primary key (tenant, order_id)
);
create index payment_look_ups_by_turn on payment_look_ups (look_at);

do $$
declare
  login text;
begin
  foreach login in array array['allim_payment_calls', 'allim_payment_calls_a', 'allim_payment_calls_b'] loop
    begin
      execute format('create role %I nologin', login);
    exception when duplicate_object or unique_violation then
      null;
    end;
    if login <> 'allim_payment_calls' then
      execute format('grant allim_payment_calls to %I', login);
    end if;
    execute format('alter role %I set statement_timeout = ''10s''', login);
    execute format('alter role %I set lock_timeout = ''5s''', login);
    execute format('alter role %I set idle_in_transaction_session_timeout = ''60s''', login);
  end loop;
end $$;
grant usage on schema public to allim_payment_calls;

-- `payment_webhook` goes on with a login of allim_payments until the passwords are changed: so that may the same.
create policy calls on payment_orders for select to allim_payment_calls, allim_payments using (true);
grant select (tenant, id, deposit_secret) on payment_orders to allim_payment_calls, allim_payments;

alter table payment_look_ups enable row level security;
create policy functions on payment_look_ups to allim_payment_calls, allim_payments, allim_sweeper using (true) with check (true);
create policy operator on payment_look_ups for select to allim_operator using (true);
create policy backup on payment_look_ups for select to allim_backup using (true);
grant select, insert (tenant, order_id, look_at), update (telling, owed)
  on payment_look_ups to allim_payment_calls, allim_payments;
grant select, update (owed, taken, tries, look_at), delete on payment_look_ups to allim_sweeper;
grant select on payment_look_ups to allim_backup, allim_operator;

-- A call that comes again is one look-up more at most, so nobody remembers any more which ones came.
drop table payment_webhooks;

-- What we sent and charged by an account at a provider on a day of Korea, beside what the provider says of it. An account is
-- the same one, whoever of several tenants sends by it; nothing here is for tenants to see.
set local lock_timeout = '5s';

-- A day that was compared, the last time that it was. `sent`, `charged`: by us; `billed`, `taken`: by the provider, null where
-- it does not say.
create table invoice_days (
  identity text not null,
  provider text not null,
  day date not null,
  sent bigint not null,
  charged numeric not null,
  billed bigint not null,
  taken numeric,
  compared_at timestamptz not null,
  primary key (identity, day)
);
create index invoice_days_by_day on invoice_days (day);

-- What differs. `channel`: empty where only a sum differs. `won`: at the provider's price, as more than we know of.
create table invoice_differences (
  identity text not null,
  day date not null,
  channel text not null,
  reason text not null check (
    reason in (
      'late_report', 'unknown', 'charged_twice', 'not_seen', 'price_differs', 'refunded', 'nothing_found'
    )
  ),
  messages bigint not null check (messages >= 0),
  won numeric,
  primary key (identity, day, channel, reason),
  foreign key (identity, day) references invoice_days on delete cascade
);

alter table invoice_days enable row level security;
alter table invoice_differences enable row level security;
do $$
declare
  made text;
begin
  foreach made in array array['invoice_days', 'invoice_differences'] loop
    execute format('create policy compared on %I to allim_reconcile using (true) with check (true)', made);
    execute format('create policy shown on %I for select to allim_operator, allim_backup using (true)', made);
    execute format('grant select on %I to allim_operator, allim_backup', made);
  end loop;
end $$;
grant insert, delete on invoice_days to allim_reconcile;
grant select (identity, day) on invoice_days to allim_reconcile;
grant insert on invoice_differences to allim_reconcile;

-- It asks providers now, so it opens accounts; and it reads which calls carried what, and what became of it.
create policy invoices on provider_accounts for select to allim_reconcile using (true);
create policy invoices on dispatches for select to allim_reconcile using (true);
create policy invoices on reports for select to allim_reconcile using (true);
grant select (
  tenant, id, provider, sender, kakao_channel, credentials, identity, lent_by, lent_account, channels, carries, weight,
  certificate_number, certificate_until, active
) on provider_accounts to allim_reconcile;
grant select (tenant, id, provider, account, messages, state, created_at) on dispatches to allim_reconcile;
grant select (dispatch, channel, status, route) on messages to allim_reconcile;
grant select (tenant, message, attempt, channel, outcome, received_at) on reports to allim_reconcile;
grant select on provider_prices to allim_reconcile;
drop policy reconcile on alerts;
create policy reconcile on alerts to allim_reconcile using (true)
  with check (kind in ('ledger_difference', 'invoice_differences'));

-- A business sends by several accounts, each with terms of its own, and may be lent one that is another's. Its sender numbers
-- are rows: nothing leaves from a number that is none of them.
set local lock_timeout = '5s';

-- `place`: the first is what it sends by unless told. `channels`: what it is for, null for all that its provider carries;
-- `carries` is what comes of that, in the channels that a route names, and null until `allim migrate` has filled it in.
-- `certificate_until`: the last day, in Korea, of the transmission certificate that it is used under (정보통신망법 제50조의3).
-- An account that is lent has the credentials of the one that it is of, and none of its own.
alter table provider_accounts
  add column place int not null default 0,
  add column channels text[],
  add column carries text[],
  add column weight smallint not null default 100 check (weight between 0 and 100),
  add column certificate_number text,
  add column certificate_until date,
  add column paused_at timestamptz,
  add column paused_why text,
  add column lent_by text,
  add column lent_account text,
  alter column credentials drop not null,
  add constraint lent_or_own check (
    (lent_by is null) = (lent_account is null) and (lent_by is null) = (credentials is not null) and lent_by <> tenant
  ),
  add constraint paused_and_why check ((paused_at is null) = (paused_why is null)),
  add foreign key (lent_by, lent_account) references provider_accounts (tenant, id);
create index provider_accounts_lent on provider_accounts (lent_by, lent_account) where lent_by is not null;

-- A number that a business may send texts from (전기통신사업법 제84조의2), once it is verified. `daily_cap`: messages a day, in
-- Korea; null for as many as it wants.
create table sender_numbers (
  tenant text not null references tenants,
  number text not null,
  registered_at timestamptz not null,
  verified_at timestamptz,
  verified_how text,
  daily_cap int check (daily_cap > 0),
  primary key (tenant, number),
  constraint verified_and_how check ((verified_at is null) = (verified_how is null))
);
insert into sender_numbers (tenant, number, registered_at, verified_at, verified_how)
select distinct on (tenant, sender) tenant, sender, created_at, created_at, 'account'
from provider_accounts order by tenant, sender, created_at;

-- How many left from a capped number on the newest day on which any did. A row as long as its number.
create table sender_days (
  tenant text not null,
  number text not null,
  day date not null default '-infinity',
  used int not null default 0 check (used >= 0),
  primary key (tenant, number),
  foreign key (tenant, number) references sender_numbers on delete cascade
);

-- A number that is capped has its day's row, however it came to be: whoever counts locks it.
create function give_sender_day() returns trigger language plpgsql security definer
  set search_path = pg_catalog, public, pg_temp as $$
begin
  insert into sender_days (tenant, number) values (new.tenant, new.number) on conflict do nothing;
  return null;
end $$;
revoke execute on function give_sender_day() from public;
create trigger day after insert or update on sender_numbers
  for each row when (new.daily_cap is not null) execute function give_sender_day();

alter table sender_numbers enable row level security;
alter table sender_days enable row level security;
do $$
declare
  table_name text;
begin
  foreach table_name in array array['sender_numbers', 'sender_days'] loop
    execute format('create policy functions on %I to allim_sender using (true) with check (true)', table_name);
    execute format('create policy sweeps on %I to allim_sweeper using (true) with check (true)', table_name);
    execute format('create policy operator on %I for select to allim_operator using (true)', table_name);
    execute format('create policy backup on %I for select to allim_backup using (true)', table_name);
    execute format('grant select on %I to allim_sender, allim_sweeper, allim_operator, allim_backup', table_name);
  end loop;
end $$;
create policy own_tenant on sender_numbers for select to allim_api
  using (tenant = (select current_setting('allim.tenant', true)));
grant select (tenant, number, verified_at) on sender_numbers to allim_api;
grant update (day, used) on sender_days to allim_sender, allim_sweeper;

grant select (place, carries, paused_at, certificate_until) on provider_accounts to allim_api;
grant select (certificate_until, paused_at, lent_by, lent_account) on provider_accounts to allim_health, allim_watch;

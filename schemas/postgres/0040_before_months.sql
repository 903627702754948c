-- What grows with every message will lie in months, so that it can be left behind month by month: a month that nobody
-- needs any more is detached, which takes a moment, and one that is over is proven and stored once. Ids begin with their
-- moment (shared/platform/ids.py), so an id alone says in which month its row lies. Months begin at midnight in Seoul.
--
-- What is here already is not rewritten: it becomes the first partition. That all of it lies there is told to Postgres
-- now, looked at in 0041 while everybody works, and made use of in 0042: no lock is held for longer than a moment.
set local lock_timeout = '10s';

create schema months;

-- What lies from the first day `since` on and before the first day `until` of its parent; null: no end.
create table partitions (
  name text primary key,
  parent text not null,
  since date,
  until date,
  check (since < until)
);
alter table partitions enable row level security;
create policy shown on partitions for select to allim_backup, allim_operator using (true);
grant select on partitions to allim_backup, allim_operator;

create function months.start_of(day date) returns timestamptz language sql stable
return day::timestamp at time zone 'Asia/Seoul';

create function months.month_of(moment timestamptz) returns date language sql stable
return date_trunc('month', moment at time zone 'Asia/Seoul')::date;

-- The least id of a moment, as shared/platform/ids.py has it.
create function months.first_id(moment timestamptz) returns uuid language sql immutable
return (lpad(to_hex((extract(epoch from moment) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;

create function months.moment_of(id uuid) returns timestamptz language sql immutable
return to_timestamp(('x' || translate(left(id::text, 13), '-', ''))::bit(48)::bigint / 1000.0);

-- An event lies in the month of its own time, so that it meets its like there when it comes again. Those that are here
-- lie in the month in which this began.
do $$
begin
  execute format('alter table events add column month date not null default %L', months.month_of(now()));
  alter table events alter column month drop default;
end $$;

-- The key of an entry that no message pays for, which is used once over all months.
create table ledger_keys (
  tenant text not null references credit_accounts,
  key text not null,
  entry uuid not null,
  primary key (tenant, key)
);
alter table ledger_keys enable row level security;
create policy backup on ledger_keys for select to allim_backup using (true);
grant select on ledger_keys to allim_backup;
insert into ledger_keys select tenant, key, id from ledger_entries where messages is null;

create function use_key() returns trigger
  language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
  insert into ledger_keys (tenant, key, entry) values (new.tenant, new.key, new.id)
  on conflict (tenant, key) do update set entry = ledger_keys.entry where ledger_keys.entry = excluded.entry;
  return case when found then new end;
end $$;
revoke execute on function use_key() from public;
-- As with `on conflict do nothing`, an entry whose key was used is not added.
create trigger once before insert on ledger_entries for each row
  when (new.messages is null) execute function use_key();

-- Where a day begins in the column by which a table is parted: a literal.
create function months.bound(parent text, day date) returns text language sql stable
return case
  when parent = 'events' then quote_literal(day)
  when parent = 'ledger_entries' then quote_literal(months.start_of(day))
  else quote_literal(months.first_id(months.start_of(day)))
end;

-- Two months, so that none ends between here and 0042.
do $$
declare
  until date := months.month_of(now()) + interval '2 months';
  parent text;
  parted_by text;
begin
  for parent, parted_by in values
    ('messages', 'id'), ('dispatches', 'id'), ('reports', 'message'), ('events', 'month'), ('ledger_entries', 'created_at')
  loop
    insert into partitions (name, parent, until) values (parent || '_past', parent, until);
    execute format('alter table %I add constraint is_past check (%I < %s) not valid', parent, parted_by,
      months.bound(parent, until));
  end loop;
end $$;

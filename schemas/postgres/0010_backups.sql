-- Operations: what was refused can be replayed or dropped, the whole is backed up each night, and the ledger is audited.
do $$
declare
  role_name text;
begin
  foreach role_name in array array[
    'allim_replayer',   -- an operator who replays and drops dead letters
    'allim_backup',     -- backup: reads everything and writes nothing
    'allim_reconcile'   -- reconcile: reads what the audit needs, and raises alerts
  ] loop
    begin
      execute format('create role %I nologin', role_name);
    exception when duplicate_object or unique_violation then
      null;
    end;
  end loop;
end $$;
grant usage on schema public to allim_replayer, allim_backup, allim_reconcile;

-- What a person decided about a dead letter. `received_at` is the newest time that it was refused, `first_at` the first.
alter table dead_letters
  add column state text not null default 'open' check (state in ('open', 'replayed', 'dropped')),
  add column first_at timestamptz not null default now(),
  add column failures int not null default 1 check (failures > 0),
  add column replays int not null default 0 check (replays >= 0),
  add column replayed_at timestamptz,
  add column dropped_at timestamptz,
  add column dropped_by text,
  add column dropped_why text,
  add constraint replayed_when check (state <> 'replayed' or replayed_at is not null),
  add constraint dropped_by_whom_and_why check (
    state <> 'dropped' or (dropped_at is not null and dropped_by is not null and dropped_why is not null)
  );
update dead_letters set first_at = received_at;
create index dead_letters_by_body on dead_letters (md5(body));

-- What comes back after a replay is the same letter, open again and counted. It names its letter in an attribute; a
-- function that works on batches may have lost that, and then source and body tell. What was dropped stays so. Functions
-- may only insert, so this runs with its owner's rights.
create function count_repeated_letter() returns trigger language plpgsql security definer set search_path = public as $$
declare
  link text := new.attributes ->> 'allim-dead-letter';
begin
  new.attributes := new.attributes - 'allim-dead-letter';
  update dead_letters
  set failures = failures + 1, received_at = new.received_at, source = new.source, reason = new.reason,
    detail = new.detail, attributes = new.attributes, tenant = coalesce(tenant, new.tenant),
    state = case when state = 'dropped' then state else 'open' end
  where id = (
    select d.id from dead_letters d
    where md5(d.body) = md5(new.body) and d.body = new.body
      and (d.id::text = link or (d.replays > 0 and d.source = new.source and d.tenant is not distinct from new.tenant))
    order by (d.id::text = link) desc nulls last, d.first_at
    limit 1
  );
  if found then
    return null;
  end if;
  return new;
end $$;
create trigger repeated before insert on dead_letters for each row execute function count_repeated_letter();

create policy replayer on dead_letters to allim_replayer using (true) with check (true);
grant select, update (state, replays, replayed_at, dropped_at, dropped_by, dropped_why) on dead_letters to allim_replayer;

-- A backup reads every table. One that comes later grants this in its own migration; a test holds it to that, and the
-- backup itself refuses to leave out rows that it isn't shown.
do $$
declare
  walled record;
begin
  for walled in
    select relname, relrowsecurity from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and relname !~ '^_?yoyo'
  loop
    execute format('grant select on %I to allim_backup', walled.relname);
    if walled.relrowsecurity then
      execute format('create policy backup on %I for select to allim_backup using (true)', walled.relname);
    end if;
  end loop;
end $$;
grant select on _yoyo_migration to allim_backup;  -- the schema's version

create policy reconcile on messages for select to allim_reconcile using (true);
create policy reconcile on credit_accounts for select to allim_reconcile using (true);
create policy reconcile on ledger_entries for select to allim_reconcile using (true);
create policy reconcile on alerts to allim_reconcile using (true) with check (true);
grant select (tenant, id, hold, held, settlement, price) on messages to allim_reconcile;
grant select on credit_accounts, ledger_entries to allim_reconcile;
grant select, insert, update on alerts to allim_reconcile;

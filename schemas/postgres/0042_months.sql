-- Messages, dispatches, reports, events and entries lie in months (0040). Each table becomes the first partition of one that
-- has all that it had, its walls and triggers too; nothing is read or written for that. A partition is nobody's to touch:
-- whoever may see its rows sees them in the whole.
set local lock_timeout = '10s';

alter table events drop constraint events_pkey, add constraint events_pkey primary key using index events_by_month;
alter table ledger_entries drop constraint once, drop constraint ledger_entries_pkey,
  add primary key (tenant, id, created_at);

create function months.attach(parent text, name text, since date, until date) returns void language plpgsql as $$
begin
  execute format('alter table public.%I attach partition months.%I for values from (%s) to (%s)', parent, name,
    coalesce(months.bound(parent, since), 'minvalue'), coalesce(months.bound(parent, until), 'maxvalue'));
end $$;

create function months.make(parent text, name text, since date, until date) returns void language plpgsql as $$
begin
  execute format('create table months.%I partition of public.%I for values from (%s) to (%s)%s', name, parent,
    coalesce(months.bound(parent, since), 'minvalue'), coalesce(months.bound(parent, until), 'maxvalue'),
    -- The three changes of a message's life stay on its page.
    case parent when 'messages' then ' with (fillfactor = 55)' end);
  execute format('alter table months.%I enable row level security', name);
  insert into public.partitions (name, parent, since, until) values (name, parent, since, until);
end $$;

do $$
declare
  part record;
  whole oid;
  made text;
  taken text[];
  given text[];
begin
  for part in
    select p.*, k.parted_by, k.keys from partitions p join (values
      ('messages', 'id', 'tenant, id'), ('dispatches', 'id', 'tenant, id'),
      ('reports', 'message', 'tenant, message, attempt, code'), ('events', 'month', 'tenant, source, id, month'),
      ('ledger_entries', 'created_at', 'tenant, id, created_at')
    ) as k (parent, parted_by, keys) using (parent)
  loop
    whole := part.parent::regclass;
    select array_agg(format('create policy %I on public.%I as %s for %s to %s%s%s', policyname, tablename,
        permissive, cmd, array_to_string(roles, ', '), ' using (' || qual || ')', ' with check (' || with_check || ')')),
      array_agg(format('drop policy %I on months.%I', policyname, part.name))
    into given, taken from pg_policies where schemaname = 'public' and tablename = part.parent;
    select given || coalesce(array_agg(pg_get_triggerdef(oid)), '{}'),
      taken || coalesce(array_agg(format('drop trigger %I on months.%I', tgname, part.name)), '{}')
    into given, taken from pg_trigger where tgrelid = whole and not tgisinternal;
    select given || array_agg(format('grant %s%s on public.%I to %s', privilege_type, columns, part.parent, grantee)),
      taken || array_agg(distinct format('revoke all on months.%I from %s', part.name, grantee))
    into given, taken
    from (
      select a.privilege_type, '' as columns, a.grantee::regrole from pg_class c, aclexplode(c.relacl) a
      where c.oid = whole and a.grantee <> c.relowner
      union all
      select a.privilege_type, ' (' || string_agg(quote_ident(t.attname), ', ') || ')', a.grantee::regrole
      from pg_attribute t, aclexplode(t.attacl) a where t.attrelid = whole group by a.privilege_type, a.grantee
    ) as privileges;

    execute format('alter table public.%I set schema months', part.parent);
    execute format('alter table months.%I rename to %I', part.parent, part.name);
    foreach made in array taken loop
      execute made;
    end loop;
    execute format('create table public.%I (like months.%I including all excluding indexes excluding constraints)'
      ' partition by range (%I)', part.parent, part.name, part.parted_by);
    for made in
      select format('alter table public.%I add constraint %I %s', part.parent, conname, pg_get_constraintdef(oid))
      from pg_constraint where conrelid = whole and contype in ('c', 'f') and conname <> 'is_past'
    loop
      execute made;
    end loop;
    execute format('alter table public.%I add primary key (%s)', part.parent, part.keys);
    execute format('alter table public.%I enable row level security', part.parent);
    foreach made in array given loop
      execute made;
    end loop;
  end loop;
end $$;

create index messages_of_run on messages (tenant, workflow, run_key) where run_key is not null;
create index dispatches_undecided on dispatches (lease_until) where state in ('open', 'prepared');
create index dispatches_to_check on dispatches (check_at) where state = 'sent';
create index dispatches_by_batch on dispatches (tenant, provider_batch_id);
create index dispatches_by_deadline on dispatches (deadline_at) where state = 'sent' and deadline_at is not null;
create index events_by_time on events using brin (received_at) with (pages_per_range = 16, autosummarize = on);
create index ledger_entries_by_time on ledger_entries (tenant, created_at);
create index ledger_entries_by_key on ledger_entries (tenant, key) where messages is null;

grant insert (month) on events to allim_events;
-- Nothing of an event is written again but what it came to.
drop trigger forward on events;
revoke update (fingerprint) on events from allim_events;

do $$
declare
  part record;
begin
  for part in select * from partitions loop
    perform months.attach(part.parent, part.name, part.since, part.until);
    execute format('alter table months.%I drop constraint is_past', part.name);
    perform months.make(part.parent, part.parent || '_later', part.until, null);
  end loop;
end $$;

-- Give each month before the first day `until` a partition of its own, ahead of its time. Where this was not called in
-- time, what lies beyond the last month stays where it is: that becomes the partition of all its months. Gives how many
-- were made.
create function months.extend(until date) returns int
  language plpgsql set search_path = pg_catalog, pg_temp set lock_timeout = '2s' as $$
declare
  last record;
  newest date;
  made int := 0;
begin
  for last in
    select * from public.partitions p where p.until is null and p.since < extend.until order by p.parent
  loop
    execute format('alter table public.%I detach partition months.%I', last.parent, last.name);
    execute format(case last.parent
      when 'events' then 'select max(month) from months.%I'
      when 'ledger_entries' then 'select months.month_of(max(created_at)) from months.%I'
      when 'reports' then
        'select months.month_of(months.moment_of(message)) from months.%I order by message desc limit 1'
      else 'select months.month_of(months.moment_of(id)) from months.%I order by id desc limit 1'
    end, last.name) into newest;
    if newest is null then
      while last.since < extend.until loop
        perform months.make(last.parent, last.parent || to_char(last.since, '"_"YYYY"_"MM'), last.since,
          (last.since + interval '1 month')::date);
        last.since := last.since + interval '1 month';
        made := made + 1;
      end loop;
      update public.partitions set since = last.since where name = last.name;
      perform months.attach(last.parent, last.name, last.since, null);
    else
      newest := greatest(newest + interval '1 month', extend.until);
      update public.partitions set name = last.parent || to_char(last.since, '"_"YYYY"_"MM'), until = newest
      where name = last.name;
      execute format('alter table months.%I rename to %I', last.name, last.parent || to_char(last.since, '"_"YYYY"_"MM'));
      perform months.attach(last.parent, last.parent || to_char(last.since, '"_"YYYY"_"MM'), last.since, newest);
      perform months.make(last.parent, last.name, newest, null);
      made := made + 1;
    end if;
  end loop;
  return made;
end $$;
revoke execute on all functions in schema months from public;

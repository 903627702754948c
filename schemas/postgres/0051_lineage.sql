-- A backup holds each month in a file of its own, and one of a closed month that did not change since is not made again.
-- `changes` counts from a month's closing, so it says nothing of another database's months, or of those that were here
-- before a restore: what is told of the one never holds for the other. Hence a restore begins a new lineage.
set local lock_timeout = '10s';

create table lineage (
  single boolean primary key default true check (single),
  id uuid not null default gen_random_uuid()
);
insert into lineage default values;
alter table lineage enable row level security;
create policy backup on lineage for select to allim_backup using (true);
grant select on lineage to allim_backup;

-- What a restore does with months, as the owner: several are filled at once, each in a transaction of its own, beside the
-- database that nobody has touched yet (schema `restoring`); then all of them take their places in one.

-- A table for the rows of one month, and no others. It gets its indexes when they are there.
create function months.stage(parent text, name text, since date, until date) returns void
  language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  parted_by text;
  stored text;
begin
  select a.attname into parted_by
  from pg_partitioned_table p join pg_attribute a on a.attrelid = p.partrelid and a.attnum = p.partattrs[0]
  where p.partrelid = format('public.%I', parent)::regclass;
  select ' with (' || array_to_string(c.reloptions, ', ') || ')' into stored
  from pg_inherits i join pg_class c on c.oid = i.inhrelid
  where i.inhparent = format('public.%I', parent)::regclass and c.reloptions is not null limit 1;
  execute format('create table restoring.%I (like public.%I including all excluding indexes)%s', name, parent, stored);
  execute format('alter table restoring.%I enable row level security', name);
  -- So that nobody has to look through them when they take their place.
  execute format('alter table restoring.%I add constraint its_own check (%s)', name, concat_ws(' and ',
    format('%I >= ', parted_by) || months.bound(parent, since), format('%I < ', parted_by) || months.bound(parent, until),
    format('%I is not null', parted_by)));
end $$;

create function months.index_stage(parent text, name text) returns void
  language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  made text;
begin
  for made in
    select case when k.oid is null
      then regexp_replace(pg_get_indexdef(i.indexrelid), ' INDEX \S+ ON ONLY \S+ ', format(' INDEX ON restoring.%I ', name))
      else format('alter table restoring.%I add %s', name, pg_get_constraintdef(k.oid)) end
    from pg_index i left join pg_constraint k on k.conindid = i.indexrelid and k.conrelid = i.indrelid
    where i.indrelid = format('public.%I', parent)::regclass order by k.oid
  loop
    execute made;
  end loop;
end $$;

-- The months that are here, and empty, make place.
create function months.make_place() returns void
  language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  part text;
begin
  for part in select name from public.partitions order by name loop
    execute format('drop table months.%I', part);
  end loop;
  delete from public.partitions;
end $$;

create function months.take_place(parent text, name text, since date, until date) returns void
  language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  execute format('alter table restoring.%I set schema months', name);
  perform months.attach(parent, name, since, until);
  execute format('alter table months.%I drop constraint its_own', name);
  insert into public.partitions (name, parent, since, until) values (name, parent, since, until);
end $$;
revoke execute on all functions in schema months from public;

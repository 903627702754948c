-- What is kept for the law is in each backup and comes back with it; nothing leaves for good of which no backup has a copy;
-- and a tenant may have forgotten sooner what its messages and events say.
set local lock_timeout = '10s';

-- closed_at, changes: of the partition, as it left: by these a backup knows that it has its rows already. rows: that are
-- kept, as they were proven; null where nobody proved them.
alter table left_months add column closed_at timestamptz, add column changes bigint, add column rows bigint;
update left_months set closed_at = left_at, changes = 0 where dropped_at is null;

-- The closed months, and those kept apart, that a backup of this database has, as they were then. `taken_at`: of the newest
-- that names them.
create table month_copies (
  name text primary key,
  lineage text not null,
  closed_at timestamptz not null,
  changes bigint not null,
  taken_at timestamptz not null
);
alter table month_copies enable row level security;
create policy shown on month_copies for select to allim_backup, allim_operator using (true);
grant select on month_copies to allim_backup, allim_operator;

alter table heartbeats drop constraint heartbeats_name_check,
  add constraint heartbeats_name_check check (name in ('tick', 'sweeps', 'callbacks', 'backup'));

-- Names this database and its way so far: another one after a restore of ours, and after the server itself was set back to
-- a moment (its timeline is another one then).
create function lineage_here() returns text language sql stable
return (select l.id::text || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8) from public.lineage l);

-- A backup is there, and has these closed months.
create function tell_copies(lineage text, moment timestamptz, names text[], closed timestamptz[], changed bigint[])
  returns void language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  taken constant timestamptz := least(moment, now());
begin
  insert into heartbeats as h (name, at) values ('backup', taken)
  on conflict (name) do update set at = greatest(h.at, excluded.at);
  insert into month_copies as c (name, lineage, closed_at, changes, taken_at)
  select u.name, tell_copies.lineage, u.closed_at, u.changes, taken
  from unnest(names, closed, changed) as u (name, closed_at, changes)
  on conflict (name) do update
  set lineage = excluded.lineage, closed_at = excluded.closed_at, changes = excluded.changes, taken_at = excluded.taken_at
  where c.lineage <> excluded.lineage or c.taken_at <= excluded.taken_at;
  delete from month_copies c where not exists (select from partitions p where p.name = c.name)
    and not exists (select from left_months m where m.name = c.name and m.dropped_at is null);
end $$;
revoke execute on function lineage_here, tell_copies from public;
grant execute on function lineage_here, tell_copies to allim_backup;

-- Whether only what a backup has may leave for good: where that is wanted, or any backup was ever taken.
create function months.are_copied(wanted boolean) returns boolean language sql stable
return wanted or exists (select from public.heartbeats where name = 'backup');

-- What a backup lacks of a closed month; null: nothing. After a week another backup must have named it, for what the bucket
-- has deleted since is no copy.
create function months.lacks_copy(part text, closed timestamptz, changed bigint, moment timestamptz) returns text
  language sql stable
return coalesce((
  select case when (c.closed_at, c.changes) = (closed, changed) then 'copied' else 'changed_since_copy' end
  from public.month_copies c
  where c.name = part and c.lineage = public.lineage_here() and c.taken_at > moment - interval '7 days'
), 'not_copied');

-- Why a partition may not leave yet, as it would: to be kept apart, or for good.
create function months.stays_for(part text, moment timestamptz, wanted boolean) returns text language sql stable
return coalesce(months.stays_for(part), (
  select nullif(months.lacks_copy(p.name, p.closed_at, p.changes, moment), 'copied')
  from public.partitions p join months.lives() l on l.what = p.parent
  where p.name = part and months.are_copied(wanted)
    and (l.kept is null or p.until <= months.month_of(moment) - l.kept)
));

-- A month's table that is no partition any more is kept apart. What takes its place has indexes of the same names.
create function months.keep_apart(stands_in text, name text) returns void
  language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  index text;
  indexes int := 0;
begin
  for index in
    select i.indexrelid::regclass::text from pg_index i
    where i.indrelid = format('%I.%I', stands_in, name)::regclass order by i.indexrelid
  loop
    indexes := indexes + 1;
    execute format('alter index %s rename to %I', index, name || '_' || indexes);
  end loop;
  execute format('alter table %I.%I set schema kept', stands_in, name);
  execute format('create trigger append_only before insert or update or delete or truncate on kept.%I'
    ' for each statement execute function public.refuse_change()', name);
  execute format('create policy shown on kept.%I for select to allim_backup, allim_operator using (true)', name);
  execute format('grant select on kept.%I to allim_backup, allim_operator', name);
end $$;

-- A restore puts a staged month there: it belongs to what its parent does.
create function months.place_apart(parent text, name text) returns void
  language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  reference text;
begin
  execute format('alter table restoring.%I drop constraint its_own', name);
  for reference in
    select pg_get_constraintdef(oid) from pg_constraint
    where conrelid = format('public.%I', parent)::regclass and contype = 'f'
  loop
    execute format('alter table restoring.%I add %s', name, reference);
  end loop;
  perform months.keep_apart('restoring', name);
end $$;

-- Of some tables, which leave together, each partition leaves whose newest row has lived its life: all that lies before
-- it does, too, and a new empty partition takes its place, so that what is older than all finds one. One that stays
-- keeps those after it. `wanted`: only what a backup has leaves for good. Gives each partition that is due, and its fate:
-- `dropped`, `dropped_uncopied` where no backup was ever taken, `kept`, or why it stays.
drop function let_go(text[], timestamptz);
create function let_go(parents text[], moment timestamptz, wanted boolean) returns table (part text, fate text)
  language plpgsql security definer set search_path = pg_catalog, public, pg_temp set lock_timeout = '2s' as $$
declare
  at constant timestamptz := least(moment, now());
  due record;
  dropped constant text := case when months.are_copied(wanted) then 'dropped' else 'dropped_uncopied' end;
  lacks text;
  proven bigint;
  reach date := '-infinity';
  stays boolean := false;
begin
  for due in
    select m.name, m.closed_at, m.changes from left_months m join months.lives() l on l.what = m.parent
    where m.parent = any(parents) and m.dropped_at is null and m.until <= months.month_of(at) - l.kept
    order by m.name for update of m
  loop
    lacks := months.lacks_copy(due.name, due.closed_at, due.changes, at);
    if lacks <> 'copied' and months.are_copied(wanted) then
      return query select due.name, lacks;
    else
      execute format('drop table if exists kept.%I', due.name);
      update left_months m set dropped_at = at where m.name = due.name;
      return query select due.name, dropped;
    end if;
  end loop;

  perform from partitions p where p.name in (select d.name from months.due(parents, months.month_of(at)) d)
  order by p.name for update;
  for due in
    select d.step, array_agg(d.name order by d.name) as names,
      array_agg(months.stays_for(d.name, at, wanted) order by d.name) as reasons
    from months.due(parents, months.month_of(at)) d group by d.step order by d.step
  loop
    stays := stays or array_remove(due.reasons, null) <> '{}';
    if stays then
      return query
        select name, coalesce(reason, 'not_alone') from unnest(due.names, due.reasons) as u (name, reason);
    else
      reach := due.step;
    end if;
  end loop;

  for due in
    select d.parent, d.name, d.since, d.until, p.closed_at, p.changes,
      l.kept is not null and d.until > months.month_of(at) - l.kept as apart,
      case when d.since is null then d.parent || to_char(d.until, '"_until_"YYYY"_"MM') || case when exists (
        select from left_months m where m.parent = d.parent and m.until = d.until
      ) then '_late' else '' end else d.name end as called,
      d.until = max(d.until) over (partition by d.parent) as newest
    from months.due(parents, months.month_of(at)) d join months.lives() l on l.what = d.parent
    join partitions p on p.name = d.name
    where d.step <= reach order by d.parent, d.until
  loop
    select coalesce(sum(f.entries), 0) into proven
    from month_proofs m left join month_figures f on f.proof = m.id
    where m.part = due.name and not m.gone and in_force(m) group by m.id;
    execute format('alter table %I detach partition months.%I', due.parent, due.name);
    delete from partitions p where p.name = due.name;
    if due.apart then
      execute format('drop trigger changed on months.%I', due.name);
      if due.called <> due.name then
        execute format('alter table months.%I rename to %I', due.name, due.called);
      end if;
      perform months.keep_apart('months', due.called);
    else
      execute format('drop table months.%I', due.name);
    end if;
    insert into left_months (name, parent, since, until, left_at, dropped_at, closed_at, changes, rows)
    values (due.called, due.parent, due.since, due.until, at, case when not due.apart then at end, due.closed_at,
      due.changes, case when due.apart then proven end);
    if due.newest then
      perform months.make(due.parent, due.parent || '_past', null, due.until);
    end if;
    return query select due.name, case when due.apart then 'kept' else dropped end;
  end loop;
end $$;
-- A tenant may ask that what its messages and events say is forgotten sooner than their months leave: whole months of them,
-- and never of what the law wants whole (records of adverts: 6 months, e-commerce decree 6 (1)). The rows stay, for they
-- are reckoned with. `walked_until`: all before this day was gone through; `after`: where the walk through more has come, a
-- partition's `until` and the key of the last row.
create table tenant_lives (
  tenant text not null references tenants,
  what text not null,
  months int not null,
  walked_until date,
  after text[],
  primary key (tenant, what),
  constraint within_bounds check (
    case what when 'messages' then months between 7 and 11 when 'events' then months between 1 and 11 else false end
  )
);
alter table tenant_lives enable row level security;
create policy shown on tenant_lives for select to allim_backup, allim_operator using (true);
grant select on tenant_lives to allim_backup, allim_operator;
alter table tenant_history drop constraint tenant_history_what_check,
  add constraint tenant_history_what_check check (what in ('suspended', 'resumed', 'life_set', 'life_unset'));

-- What is forgotten of a row, as SQL: its key; what comes after one in a walk; which rows have something; what they become.
-- A message lies in the month that it was due in, and may have left long after: of the last 6 months none is touched ($4:
-- the moment).
create function months.contents() returns table (what text, key text, later text, has text, becomes text)
  language sql immutable
begin atomic
  values
    ('messages', 'id', 'id > $2[2]::uuid',
      'status > ''sending'' and (hold is null or settlement is not null)'
      ' and (recipient is not null or variables <> ''{}'' or detail is not null)'
      ' and updated_at < $4 - interval ''6 months''',
      'recipient = null, variables = ''{}'', detail = null'),
    ('events', 'source, id, month', '(source, id, month) > ($2[2], $2[3], $2[4]::date)',
      '(data <> ''{}'' or note is not null or outcomes <> ''[]'')',
      'data = ''{}'', note = null, outcomes = ''[]''');
end;

-- The lives of tenants for which something is to be gone through at a moment.
create function lives_to_tend(moment timestamptz) returns table (tenant text, what text)
  language sql security definer set search_path = pg_catalog, public, pg_temp
begin atomic
  select l.tenant, l.what from public.tenant_lives l
  where l.walked_until is null
    or l.walked_until < months.month_of(least(moment, now())) - make_interval(months => l.months)
  order by l.tenant, l.what;
end;

-- The next rows of a tenant forget what they say, `most` of them looked at: partition by partition, each through its key.
-- When the month has changed all is gone through once more, for what has come late. Gives how many forgot something, and
-- whether there may be more.
create function forget_contents(tenant text, what text, moment timestamptz, most int, out gone int, out more boolean)
  language plpgsql security definer set search_path = pg_catalog, public, pg_temp set lock_timeout = '2s' as $$
declare
  life tenant_lives;
  edge date;
  month record;
  rule record;
  seen int;
  reached text[];
begin
  gone := 0;
  more := false;
  select * into life from tenant_lives l
  where l.tenant = forget_contents.tenant and l.what = forget_contents.what for update;
  edge := months.month_of(least(moment, now())) - make_interval(months => life.months);
  if life.tenant is null or life.walked_until >= edge then
    return;
  end if;
  select p.name, p.until into month from partitions p
  where p.parent = life.what and p.until <= edge and p.until >= coalesce(life.after[1]::date, '-infinity')
  order by p.until limit 1;
  if month.name is null then
    update tenant_lives l set walked_until = edge, after = null where (l.tenant, l.what) = (life.tenant, life.what);
    return;
  end if;
  select * into strict rule from months.contents() c where c.what = life.what;
  execute format('with slice as materialized ('
    'select %1$s from months.%2$I where tenant = $1 %3$s order by %1$s limit $3'
    '), changed as ('
    'update months.%2$I set %5$s where tenant = $1 and (%1$s) in (select %1$s from slice) and %4$s returning 1'
    ') select (select count(*) from changed), (select count(*) from slice),'
    ' (select array[%6$s] from slice order by (%1$s) desc limit 1)',
    rule.key, month.name, case when month.until = life.after[1]::date and life.after[2] is not null
    then 'and ' || rule.later end, rule.has, rule.becomes, regexp_replace(rule.key, '(\w+)', '\1::text', 'g'))
  into gone, seen, reached using life.tenant, life.after, most, least(moment, now());
  more := true;
  update tenant_lives l
  set after = case when seen = most then month.until::text || reached else array[(month.until + 1)::text] end
  where (l.tenant, l.what) = (life.tenant, life.what);
end $$;

-- About what a night would do, for a person who asks before: of ten times `most` rows at most that are looked at where there
-- is no index, those that would leave or forget, up to `most`. `more`: there may be more.
create function months.count_aged(what text, moment timestamptz, most int, out number int, out more boolean)
  language plpgsql stable set search_path = pg_catalog, public, pg_temp as $$
declare
  before constant timestamptz := (
    select (moment at time zone 'Asia/Seoul' - l.life) at time zone 'Asia/Seoul' from months.lives() l
    where l.what = count_aged.what
  );
  aged_by text;
  over text;
  seen int;
begin
  select w.aged_by, w.over into strict aged_by, over from (values
    ('runs', 'updated_at',
      'not exists (select from timers t where (t.tenant, t.workflow, t.key) = (r.tenant, r.workflow, r.key))'),
    ('payment_orders', 'updated_at', 'status not in (''created'', ''confirming'', ''waiting_for_deposit'') and not exists ('
      'select from payment_cancels c where (c.tenant, c.order_id) = (r.tenant, r.id) and c.updated_at >= $1)'),
    ('dead_letters', 'received_at', 'true'),
    ('door_counts', 'since', 'true'),
    ('alerts', 'resolved_at', 'true'),
    ('alert_notices', 'since', 'not firing and not owed'),
    ('bulk_sends', 'begun_at', 'true'),
    ('plan_history', 'created_at', 'true'),
    ('tenant_history', 'created_at', 'true')
  ) as w (what, aged_by, over) where w.what = count_aged.what;
  if what = 'runs' then
    execute format('select count(*) filter (where %I < $1 and %s), count(*) from (select * from runs limit $2) r',
      aged_by, over) into number, seen using before, 10 * most;
  else
    execute format('select count(*), 0 from (select from %I r where %I < $1 and %s limit $2) as aged', what, aged_by, over)
    into number, seen using before, most;
  end if;
  more := number >= most or seen = 10 * most;
  number := least(number, most);
end $$;

create function months.count_contents(tenant text, what text, moment timestamptz, most int, out number int, out more boolean)
  language plpgsql stable set search_path = pg_catalog, public, pg_temp as $$
declare
  month record;
  found_here int;
  seen int;
  left_to_see int := 10 * most;
begin
  number := 0;
  for month in
    select p.name, c.has
    from tenant_lives l join partitions p on p.parent = l.what join months.contents() c on c.what = l.what
    where (l.tenant, l.what) = (count_contents.tenant, count_contents.what)
      and p.until <= months.month_of(moment) - make_interval(months => l.months)
    order by p.until
  loop
    execute format('select count(*) filter (where %s), count(*) from ('
      'select * from months.%I where tenant = $1 limit $2) as looked_at', month.has, month.name)
    into found_here, seen using tenant, left_to_see, most, moment;
    number := number + found_here;
    left_to_see := left_to_see - seen;
    exit when left_to_see = 0 or number >= most;
  end loop;
  more := left_to_see = 0 or number >= most;
  number := least(number, most);
end $$;

revoke execute on all functions in schema months from public;
revoke execute on function let_go, lives_to_tend, forget_contents from public;
grant execute on function let_go, lives_to_tend, forget_contents to allim_keeper;

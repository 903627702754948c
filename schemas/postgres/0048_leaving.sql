-- Everything ages (shared/operations/retention/lives.py says of each table how, and why). Who is called for that each
-- night, allim_keeper, may touch no table: it calls three functions, which know how long rows live. It tells them the
-- time, and no time that has not come is believed.
set local lock_timeout = '10s';

do $$
declare
  login text;
begin
  foreach login in array array['allim_keeper', 'allim_keeper_a', 'allim_keeper_b'] loop
    begin
      execute format('create role %I nologin', login);
    exception when duplicate_object or unique_violation then
      null;
    end;
    if login <> 'allim_keeper' then
      execute format('grant allim_keeper to %I', login);
    end if;
    execute format('alter role %I set statement_timeout = ''4min''', login);
    execute format('alter role %I set lock_timeout = ''10s''', login);
    execute format('alter role %I set idle_in_transaction_session_timeout = ''60s''', login);
  end loop;
end $$;
grant usage on schema public to allim_keeper;

-- What the law keeps lies apart (personal information protection act 21 (3)): no function reaches it.
create schema kept;
grant usage on schema kept to allim_operator, allim_backup;

-- What has left: dropped at once, or after it was kept in the schema `kept` under its name.
create table left_months (
  name text primary key,
  parent text not null,
  since date,
  until date not null,
  left_at timestamptz not null,
  dropped_at timestamptz
);
-- How far through a table a walk in slices has come: the key of the last row that was looked at.
create table walks (
  through text primary key,
  after text[] not null
);
do $$
declare
  made text;
begin
  foreach made in array array['left_months', 'walks'] loop
    execute format('alter table %I enable row level security', made);
    execute format('create policy shown on %I for select to allim_backup, allim_operator using (true)', made);
    execute format('grant select on %I to allim_backup, allim_operator', made);
  end loop;
end $$;

-- How long rows live. `kept`: in all, where they are kept apart after they have left.
create function months.lives() returns table (what text, life interval, kept interval) language sql immutable
begin atomic
  values
    ('messages', interval '12 months', null::interval),
    ('dispatches', '12 months', null),
    ('reports', '12 months', null),
    ('events', '12 months', null),
    ('ledger_entries', '13 months', '60 months'),
    ('runs', '12 months', null),
    ('dead_letters', '6 months', null),
    ('alerts', '12 months', null),
    ('alert_notices', '12 months', null),
    ('bulk_sends', '12 months', null),
    ('door_counts', '1 month', null),
    ('payment_orders', '60 months', null),
    ('plan_history', '60 months', null),
    ('tenant_history', '60 months', null);
end;

-- Whether the sums of a closed partition are proven, so that money adds up without its rows. Where no proofs are kept,
-- nothing that money is reckoned from leaves.
create function months.is_proven(part text) returns boolean language sql stable
return (select parent not in ('messages', 'ledger_entries') from public.partitions where name = part);

-- Why a partition may not leave yet; null: it may.
create function months.stays_for(part text) returns text language plpgsql stable as $$
declare
  month public.partitions;
  open boolean;
begin
  select * into strict month from public.partitions where name = part;
  if month.closed_at is null then
    return 'not_closed';
  elsif not months.is_proven(part) then
    return 'not_proven';
  elsif month.parent = 'messages' then
    execute format('select exists (select from months.%I where status <= %L or (hold is not null and settlement is null))',
      part, 'sending') into open;
  elsif month.parent = 'dispatches' then
    execute format('select exists (select from months.%I where state in (''open'', ''prepared''))', part) into open;
  end if;
  return case when open then 'not_over' end;
end $$;

-- The partitions of some tables that have lived their life when a month begins. `step`: it leaves together with all whose
-- step is no later. What lies before one that has left holds no more than came too late: it leaves with the next one, for
-- an event is known again as long as it is there.
create function months.due(parents text[], month date)
  returns table (parent text, name text, since date, until date, step date) language sql stable
begin atomic
  select p.parent, p.name, p.since, p.until, s.step
  from public.partitions p
  join months.lives() l on l.what = p.parent
  cross join lateral (
    select case when p.since is null and exists (
      select from public.left_months m where m.parent = p.parent and m.until = p.until
    ) then (select n.until from public.partitions n where n.parent = p.parent and n.since = p.until)
    else p.until end as step
  ) as s
  where p.parent = any(parents) and s.step <= month - l.life;
end;

-- Each month up to the third from now gets its partitions, and what is over is closed. `made`: null where a table is in
-- use for longer than is waited for: then none are, until the next time. Two at once wait for each other.
create function tend_months(moment timestamptz, out made int, out closed text[])
  language plpgsql security definer set search_path = pg_catalog, public, pg_temp set lock_timeout = '2s' as $$
begin
  moment := least(moment, now());
  perform from partitions where until is null order by name for update;
  begin
    made := months.extend((months.month_of(moment) + interval '4 months')::date);
  exception when lock_not_available or deadlock_detected then
    made := null;
  end;
  closed := array(select months.close(moment));
end $$;

-- Of some tables, which leave together, each partition leaves whose newest row has lived its life: all that lies before
-- it does, too, and a new empty partition takes its place, so that what is older than all finds one. One that stays
-- keeps those after it. Gives each partition that is due, and its fate: `dropped`, `kept`, or why it stays.
create function let_go(parents text[], moment timestamptz) returns table (part text, fate text)
  language plpgsql security definer set search_path = pg_catalog, public, pg_temp set lock_timeout = '2s' as $$
declare
  at constant timestamptz := least(moment, now());
  due record;
  index text;
  indexes int := 0;
  reach date := '-infinity';
  stays boolean := false;
begin
  for due in
    select m.name from left_months m join months.lives() l on l.what = m.parent
    where m.parent = any(parents) and m.dropped_at is null and m.until <= months.month_of(at) - l.kept
    order by m.name for update of m
  loop
    execute format('drop table kept.%I', due.name);
    update left_months m set dropped_at = at where m.name = due.name;
    return query select due.name, 'dropped';
  end loop;

  perform from partitions p where p.name in (select d.name from months.due(parents, months.month_of(at)) d)
  order by p.name for update;
  for due in
    select d.step, array_agg(d.name order by d.name) as names,
      array_agg(months.stays_for(d.name) order by d.name) as reasons
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
    select d.parent, d.name, d.since, d.until, l.kept is not null and d.until > months.month_of(at) - l.kept as apart,
      case when d.since is null then d.parent || to_char(d.until, '"_until_"YYYY"_"MM') || case when exists (
        select from left_months m where m.parent = d.parent and m.until = d.until
      ) then '_late' else '' end else d.name end as called,
      d.until = max(d.until) over (partition by d.parent) as newest
    from months.due(parents, months.month_of(at)) d join months.lives() l on l.what = d.parent
    where d.step <= reach order by d.parent, d.until
  loop
    execute format('alter table %I detach partition months.%I', due.parent, due.name);
    delete from partitions p where p.name = due.name;
    if due.apart then
      execute format('drop trigger changed on months.%I', due.name);
      if due.called <> due.name then
        execute format('alter table months.%I rename to %I', due.name, due.called);
      end if;
      -- What takes its place has indexes of the same names.
      for index in select i.indexrelid::regclass::text from pg_index i where i.indrelid = format('months.%I', due.called)::regclass
      loop
        indexes := indexes + 1;
        execute format('alter index %s rename to %I', index, due.called || '_' || indexes);
      end loop;
      execute format('alter table months.%I set schema kept', due.called);
      execute format('create trigger append_only before insert or update or delete or truncate on kept.%I'
        ' for each statement execute function refuse_change()', due.called);
      execute format('create policy shown on kept.%I for select to allim_backup, allim_operator using (true)', due.called);
      execute format('grant select on kept.%I to allim_backup, allim_operator', due.called);
    else
      execute format('drop table months.%I', due.name);
    end if;
    insert into left_months (name, parent, since, until, left_at, dropped_at)
    values (due.called, due.parent, due.since, due.until, at, case when not due.apart then at end);
    if due.newest then
      perform months.make(due.parent, due.parent || '_past', null, due.until);
    end if;
    return query select due.name, case when due.apart then 'kept' else 'dropped' end;
  end loop;
end $$;

-- What was decided and done is kept for its life, and then goes by `forget` alone.
do $$
declare
  history text;
begin
  foreach history in array array['plan_history', 'tenant_history'] loop
    execute format('drop trigger append_only on %I', history);
    execute format('create trigger append_only before update or truncate on %I'
      ' for each statement execute function refuse_change()', history);
    execute format('create trigger append_only_rows before delete on %I for each statement'
      ' when (current_setting(''allim.forgets'', true) is distinct from ''on'') execute function refuse_change()', history);
  end loop;
end $$;

-- A few rows of a table that have lived their life go. `most`: rows that are deleted or, of runs, looked at: those have no
-- index by age, for each change of a run would have to write there, so they are walked through by their key, night after
-- night from where the walk has come. Gives how many went, and whether there may be more.
create function forget(what text, moment timestamptz, most int, out gone int, out more boolean)
  language plpgsql security definer set search_path = pg_catalog, public, pg_temp set lock_timeout = '2s'
  set allim.forgets = 'on' as $$
declare
  before constant timestamptz := (
    select (least(forget.moment, now()) at time zone 'Asia/Seoul' - l.life) at time zone 'Asia/Seoul'
    from months.lives() l where l.what = forget.what
  );
  reached text[];
  seen int;
  aged_by text;
  over text;
begin
  if what = 'runs' then
    insert into walks values ('runs', array['', '', '']) on conflict do nothing;
    select after into reached from walks where through = 'runs' for update;
    with slice as materialized (
      select r.tenant, r.workflow, r.key, r.updated_at from runs r
      where (r.tenant, r.workflow, r.key) > (reached[1], reached[2], reached[3])
      order by r.tenant, r.workflow, r.key limit most
    ),
    old as (
      delete from runs r using slice s
      where (r.tenant, r.workflow, r.key) = (s.tenant, s.workflow, s.key) and s.updated_at < before
        and r.updated_at < before and not exists (
          select from timers t where (t.tenant, t.workflow, t.key) = (r.tenant, r.workflow, r.key)
        )
      returning 1
    )
    select (select count(*) from old), (select count(*) from slice),
      (select array[s.tenant, s.workflow, s.key] from slice s order by s.tenant desc, s.workflow desc, s.key desc limit 1)
    into gone, seen, reached;
    more := seen = most;
    update walks set after = case when seen = most then reached else array['', '', ''] end where through = 'runs';
    return;
  elsif what = 'payment_orders' then
    with old as materialized (
      select o.tenant, o.id from payment_orders o
      where o.updated_at < before and o.status not in ('created', 'confirming', 'waiting_for_deposit') and not exists (
        select from payment_cancels c where (c.tenant, c.order_id) = (o.tenant, o.id) and c.updated_at >= before
      )
      order by o.updated_at limit most for update skip locked
    ),
    cancels as (delete from payment_cancels c using old where (c.tenant, c.order_id) = (old.tenant, old.id)),
    plans as (delete from plan_orders p using old where (p.tenant, p.order_id) = (old.tenant, old.id)),
    orders as (delete from payment_orders o using old where (o.tenant, o.id) = (old.tenant, old.id) returning 1)
    select count(*) from orders into gone;
  else
    select w.aged_by, w.over into aged_by, over from (values
      ('dead_letters', 'received_at', 'true'),
      ('door_counts', 'since', 'true'),
      ('alerts', 'resolved_at', 'true'),
      ('alert_notices', 'since', 'not firing and not owed'),
      ('bulk_sends', 'begun_at', 'true'),
      ('plan_history', 'created_at', 'true'),
      ('tenant_history', 'created_at', 'true')
    ) as w (what, aged_by, over) where w.what = forget.what;
    if not found then
      raise exception 'nothing of % is forgotten', what using errcode = 'invalid_parameter_value';
    end if;
    execute format('delete from %1$I where ctid = any(array('
      'select ctid from %1$I where %2$I < $1 and %3$s order by %2$I limit $2 for update skip locked))', what, aged_by, over)
    using before, most;
    get diagnostics gone = row_count;
  end if;
  more := gone = most;
end $$;

revoke execute on all functions in schema months from public;
revoke execute on function tend_months, let_go, forget from public;
grant execute on function tend_months, let_go, forget to allim_keeper;

-- Whether months were made ahead is looked at as health.
create policy health on partitions for select to allim_health, allim_watch using (true);
grant select (since, until) on partitions to allim_health, allim_watch;

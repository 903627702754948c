-- A month that is over for a week is closed: no provider has a last word on it any more (shared/contracts/channels.py).
-- What then is proven or stored of it once stays true while `changes` stays: each row of it that changes all the same, by
-- a report that comes months late, counts.
set local lock_timeout = '10s';

alter table partitions add column closed_at timestamptz, add column changes bigint not null default 0;

create function months.count_change() returns trigger
  language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
  update partitions set changes = changes + 1 where name = tg_table_name;
  return null;
end $$;

-- Close what ended a week before a moment. Gives the names of what was closed now.
create function months.close(moment timestamptz) returns setof text
  language plpgsql set search_path = pg_catalog, pg_temp set lock_timeout = '2s' as $$
declare
  ended text;
begin
  for ended in
    select name from public.partitions
    where closed_at is null and months.start_of(until) <= moment - interval '7 days' order by name
  loop
    execute format('create trigger changed after insert or update or delete on months.%I'
      ' for each row execute function months.count_change()', ended);
    update public.partitions set closed_at = moment where name = ended;
    return next ended;
  end loop;
end $$;
revoke execute on all functions in schema months from public;

-- The database's own doors. A function that runs with its owner's rights must not look where its caller may put things:
-- with `search_path = public`, Postgres looks into pg_temp before it, and a temporary table named like one of ours would
-- be read, written, and have its triggers run, as the owner. So each of our functions names pg_temp, and names it last.
-- Nobody but the owner may hang one of them on a table, and nobody but the owner makes tables here, not even temporary ones.
do $$
declare
  ours regprocedure;
begin
  for ours in select oid::regprocedure from pg_proc where oid in (
    select tgfoid from pg_trigger join pg_class c on c.oid = tgrelid
    where c.relnamespace = 'public'::regnamespace and not tgisinternal
  ) loop
    execute format('alter function %s set search_path = pg_catalog, public, pg_temp', ours);
    execute format('revoke execute on function %s from public', ours);
  end loop;
  execute format('revoke create, temporary on database %I from public', current_database());
end $$;
revoke create on schema public from public;

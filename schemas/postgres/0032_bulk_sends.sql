-- A bulk send is many short transactions. Its key names it: whoever gives the key again, also at the same time and after
-- a process was killed, makes the same messages, for their ids begin with the moment at which it was first given.
create table bulk_sends (
  tenant text not null references tenants,
  key text not null,
  template text not null,
  begun_at timestamptz not null,
  primary key (tenant, key)
);

-- How many messages a tenant's bulk sends have ever queued. A batch adds its own and sees those of others, so that two
-- sends at once don't use up one quota twice.
create table bulk_counts (
  tenant text primary key references tenants,
  queued bigint not null check (queued >= 0)
);

do $$
declare
  table_name text;
begin
  foreach table_name in array array['bulk_sends', 'bulk_counts'] loop
    execute format('alter table %I enable row level security', table_name);
    execute format(
      'create policy own_tenant on %I to allim_api
         using (tenant = (select current_setting(''allim.tenant'', true)))
         with check (tenant = (select current_setting(''allim.tenant'', true)))', table_name);
    execute format('create policy operator on %I for select to allim_operator using (true)', table_name);
    execute format('create policy backup on %I for select to allim_backup using (true)', table_name);
    execute format('grant select on %I to allim_operator, allim_backup', table_name);
  end loop;
end $$;
grant select, insert on bulk_sends to allim_api;
grant select, insert, update (queued) on bulk_counts to allim_api;

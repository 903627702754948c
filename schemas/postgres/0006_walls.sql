-- The wall between tenants, and what each function may touch.
--
-- allim_api sees one tenant: the one that its transaction names in the setting `allim.tenant`; without it, none.
-- Functions work on batches that mix tenants, so their policies let every row through and their grants name exactly
-- the tables and operations they need.
do $$
declare
  table_name text;
begin
  foreach table_name in array array[
    'provider_accounts', 'prices', 'customers', 'groups', 'group_members', 'templates', 'template_versions', 'workflows',
    'workflow_versions', 'events', 'runs', 'timers', 'messages', 'dispatches', 'reports', 'outbox', 'dead_letters'
  ] loop
    execute format('alter table %I enable row level security', table_name);
    execute format(
      'create policy own_tenant on %I to allim_api
         using (tenant = (select current_setting(''allim.tenant'', true)))
         with check (tenant = (select current_setting(''allim.tenant'', true)))', table_name);
    execute format('create policy operator on %I for select to allim_operator using (true)', table_name);
    execute format(
      'create policy functions on %I
         to allim_events, allim_sender, allim_reports, allim_ticker, allim_webhook, allim_dead_letters
         using (true) with check (true)', table_name);
  end loop;
end $$;
alter table tenants enable row level security;
create policy own_tenant on tenants for select to allim_api using (id = (select current_setting('allim.tenant', true)));
create policy operator on tenants for select to allim_operator using (true);
create policy functions on tenants for select
  to allim_events, allim_sender, allim_reports, allim_ticker, allim_webhook using (true);

grant usage on schema public to
  allim_events, allim_sender, allim_reports, allim_ticker, allim_webhook, allim_dead_letters, allim_api, allim_operator;

grant select on tenants, workflows, workflow_versions, templates, template_versions, groups, group_members to allim_events;
grant select, insert, update on customers, runs, events to allim_events;
grant select, insert, update, delete on timers to allim_events;
grant insert on messages, outbox, dead_letters to allim_events;
grant select (tenant, id) on messages to allim_events;

grant select on tenants, provider_accounts, template_versions, runs, prices to allim_sender;
grant select, update on messages to allim_sender;
grant select, insert, update on dispatches to allim_sender;
grant select, insert on reports to allim_sender;
grant select, insert, delete on outbox to allim_sender;
grant insert on dead_letters to allim_sender;

grant select on tenants, prices, dispatches to allim_reports;
grant select, update on messages to allim_reports;
grant select, insert on reports to allim_reports;
grant insert on outbox, dead_letters to allim_reports;

grant select on tenants, workflows, workflow_versions, templates, template_versions, customers, groups, group_members,
  runs, provider_accounts, prices to allim_ticker;
grant select, update, delete on timers to allim_ticker;  -- update: to lock what it takes
grant select, insert, update on messages, dispatches, outbox to allim_ticker;
grant select, insert on reports to allim_ticker;
grant insert on dead_letters to allim_ticker;

grant select on tenants, provider_accounts to allim_webhook;
grant insert on dead_letters to allim_webhook;

grant insert on dead_letters to allim_dead_letters;

grant select on tenants, prices, events, runs, timers, dispatches, reports, dead_letters to allim_api;
grant select (tenant, id, provider, sender, kakao_channel, active, created_at) on provider_accounts to allim_api;
grant select, insert, update, delete on customers, groups, group_members to allim_api;
grant select, insert, update on templates, workflows to allim_api;
-- What a message cost, and what a provider made of it, is not for its sender to say.
grant select, update (status, reason, detail, updated_at), insert (
  tenant, id, customer, recipient, run_key, template, template_version, variables, route, deadlines, channel, status,
  reason, detail, due_at, expires_at, created_at, updated_at
) on messages to allim_api;
grant update (approval) on template_versions to allim_api;
grant select, insert on template_versions, workflow_versions, outbox to allim_api;

grant select on tenants, prices, default_prices, customers, groups, group_members, templates, template_versions,
  workflows, workflow_versions, events, runs, timers, messages, dispatches, reports, outbox, dead_letters to allim_operator;

-- What Kakao's inspectors say of a template comes by itself: each account that carries AlimTalk is looked at, and what is
-- found changes what is thought of the very version. What was said stays.
set local lock_timeout = '5s';

-- When an account's templates are looked at next. `codes`: of ours, those that it had the last time.
create table template_looks (
  tenant text not null,
  account text not null,
  look_at timestamptz not null,
  tries smallint not null default 0 check (tries >= 0),
  codes text[] not null default '{}',
  primary key (tenant, account),
  foreign key (tenant, account) references provider_accounts on delete cascade
);
create index template_looks_by_turn on template_looks (look_at);

-- What was found of a version: another approval, a comment, or words that are not ours any more. `key` tells it from every
-- other one on that code, so that it is told once. `said_by`, `said_at`: as the provider has them.
create table template_inspections (
  tenant text not null,
  code text not null,
  key text not null,
  name text not null,
  version int not null,
  account text not null,
  kind text not null check (kind in ('approval', 'comment', 'drift')),
  detail text not null,
  said_by text,
  said_at timestamptz,
  created_at timestamptz not null,
  primary key (tenant, code, key),
  foreign key (tenant, name, version) references template_versions
);
create index template_inspections_by_name on template_inspections (tenant, name, created_at);
create trigger immutable before update or delete or truncate on template_inspections
  for each statement execute function refuse_change();

do $$
declare
  table_name text;
begin
  foreach table_name in array array['template_looks', 'template_inspections'] loop
    execute format('alter table %I enable row level security', table_name);
    execute format('create policy sweeps on %I to allim_sweeper using (true) with check (true)', table_name);
    execute format('create policy operator on %I for select to allim_operator using (true)', table_name);
    execute format('create policy backup on %I for select to allim_backup using (true)', table_name);
    execute format('grant select on %I to allim_operator, allim_backup', table_name);
  end loop;
end $$;
create policy own_tenant on template_inspections for select to allim_api
  using (tenant = (select current_setting('allim.tenant', true)));
grant select on template_inspections to allim_api;
grant select, insert (tenant, account, look_at, tries), update (look_at, tries, codes) on template_looks to allim_sweeper;
grant select, insert on template_inspections to allim_sweeper;

-- A provider that calls may hasten the next look, and say no more than that: what became of a template is read from it.
create policy hastens on template_looks to allim_webhook using (true) with check (true);
grant select (tenant, account, look_at), update (look_at, tries) on template_looks to allim_webhook;

-- A verdict is the sweeper's to write down, and no words.
drop policy sweeps on template_versions;
create policy sweeps on template_versions to allim_sweeper using (true) with check (true);
create policy judges_only on template_versions as restrictive for insert to allim_sweeper with check (false);
grant update (approval) on template_versions to allim_sweeper;
grant select on templates to allim_sweeper;
create policy sweeps on templates for select to allim_sweeper using (true);

-- A tenant may be suspended: its events are kept and its runs go on, but what it has to say waits, and ends when its
-- moment is over. Null for one that may send.
alter table tenants add column suspended_at timestamptz;

-- Who suspended and resumed a tenant, and why.
create table tenant_history (
  tenant text not null references tenants,
  id uuid not null,
  what text not null check (what in ('suspended', 'resumed')),
  done_by text not null,
  why text,
  created_at timestamptz not null,
  primary key (tenant, id)
);
create index tenant_history_recent on tenant_history (tenant, created_at desc);
create trigger append_only before update or delete or truncate on tenant_history
  for each statement execute function refuse_change();

alter table tenant_history enable row level security;
create policy operator on tenant_history for select to allim_operator using (true);
create policy backup on tenant_history for select to allim_backup using (true);
grant select on tenant_history to allim_operator, allim_backup;

-- What waits because its tenant is suspended is not late.
create policy watch on tenants for select to allim_health, allim_watch using (true);
grant select (id, suspended_at) on tenants to allim_health, allim_watch;

-- What to say (templates) and when (workflows). A version never changes once it is written, so a message can always
-- name the words and the rule that made it. What Kakao thinks of the words (`approval`) does change.
create table templates (
  tenant text not null references tenants,
  name text not null,
  active_version int not null,
  primary key (tenant, name)
);

create table template_versions (
  tenant text not null,
  name text not null,
  version int not null check (version > 0),
  content jsonb not null,
  approval text not null default 'draft' check (approval in ('draft', 'submitted', 'approved', 'rejected', 'retired')),
  created_at timestamptz not null default now(),
  primary key (tenant, name, version),
  foreign key (tenant, name) references templates deferrable initially deferred
);
alter table templates add foreign key (tenant, name, active_version) references template_versions
  deferrable initially deferred;

create table workflows (
  tenant text not null references tenants,
  name text not null,
  active_version int not null,
  active boolean not null default true,
  primary key (tenant, name)
);

create table workflow_versions (
  tenant text not null,
  name text not null,
  version int not null check (version > 0),
  definition jsonb not null,
  created_at timestamptz not null default now(),
  primary key (tenant, name, version),
  foreign key (tenant, name) references workflows deferrable initially deferred
);
alter table workflows add foreign key (tenant, name, active_version) references workflow_versions
  deferrable initially deferred;

create trigger immutable before update of tenant, name, version, content, created_at on template_versions
  for each statement execute function refuse_change();
create trigger immutable_rows before delete or truncate on template_versions
  for each statement execute function refuse_change();
create trigger revision after update on template_versions
  for each row execute function bump_tenant_revision();
create trigger immutable before update or delete or truncate on workflow_versions
  for each statement execute function refuse_change();
create trigger revision after insert or update or delete on templates
  for each row execute function bump_tenant_revision();
create trigger revision after insert or update or delete on workflows
  for each row execute function bump_tenant_revision();

-- Whom a tenant serves. A row is the newest snapshot seen: `as_of` is the time of the event that told it, and an older
-- event never overwrites a newer one. No foreign key to tenants: 0004 says why.
create table customers (
  tenant text not null,
  id text not null,
  name text,
  phone text,
  email text,
  company text,
  status text,
  plan text,
  locale text not null default 'ko',
  attributes jsonb not null default '{}',
  as_of timestamptz not null,
  primary key (tenant, id)
);

-- Customers who share a matter: a child's guardians, a household, a team.
create table groups (
  tenant text not null references tenants,
  id text not null,
  name text not null,
  primary key (tenant, id)
);

create table group_members (
  tenant text not null,
  group_id text not null,
  customer text not null,
  primary key (tenant, group_id, customer),
  foreign key (tenant, group_id) references groups on delete cascade,
  foreign key (tenant, customer) references customers on delete cascade
);
create index group_members_by_customer on group_members (tenant, customer);

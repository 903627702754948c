-- What happened, and what is still to come of it.
--
-- These tables and those of messages hold no foreign key to tenants: every write joins tenants in its own statement, and a
-- key would lock the tenant's one row in every transaction that writes for it.

-- Events seen. The key is CloudEvents' own promise: source and id together are unique.
create table events (
  tenant text not null,
  source text not null,
  id text not null,
  type text not null,
  time timestamptz not null,
  data jsonb not null,
  note text,
  received_at timestamptz not null default now(),
  primary key (tenant, source, id)
);

-- One workflow for one key. Events may come in any order, so a run keeps for each of its facts the time of the newest
-- event that told it; `revision` grows when its timeline changes, and a message of an older revision is not sent.
create table runs (
  tenant text not null,
  workflow text not null,
  key text not null,
  version int not null,
  customer text,
  anchor_at timestamptz,
  anchored_as_of timestamptz,
  started_as_of timestamptz,
  stopped_as_of timestamptz,
  facts jsonb not null default '{}',
  data jsonb not null default '{}',
  event_source text,
  event_id text,
  revision int not null default 1,
  updated_at timestamptz not null default now(),
  primary key (tenant, workflow, key)
);

-- Steps that wait for their moment. A row goes when its step has spoken, or when its run moved or stopped.
create table timers (
  tenant text not null,
  workflow text not null,
  key text not null,
  step int not null,
  due_at timestamptz not null,
  primary key (tenant, workflow, key, step)
);
create index timers_due on timers (due_at);

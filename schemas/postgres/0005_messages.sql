-- Messages, the calls that carried them, and what providers said.

-- The order of the values is the law of status: nothing moves to a smaller one within an attempt.
create type message_status as enum (
  'scheduled', 'queued', 'sending', 'sent', 'unknown', 'expired', 'cancelled', 'suppressed', 'failed', 'delivered', 'read'
);

-- One thing to tell one customer. No index names a column that changes, so that the three updates of a message's life
-- stay on its page (heap-only tuples): whatever waits for something is found through its outbox row, its dispatch or
-- its timer, never by its status.
create table messages (
  tenant text not null,
  id uuid not null,
  customer text not null,
  recipient text,
  workflow text,
  workflow_version int,
  run_key text,
  run_revision int,
  step int,
  event_source text,
  event_id text,
  template text not null,
  template_version int not null,
  variables jsonb not null default '{}',
  route text[] not null check (cardinality(route) between 1 and 8),
  deadlines int[] not null check (cardinality(deadlines) = cardinality(route)),
  position smallint not null default 0 check (position >= 0 and position < cardinality(route)),
  attempt smallint not null default 0 check (attempt >= 0),
  tries smallint not null default 0 check (tries >= 0),
  channel text not null,
  status message_status not null,
  reason text,
  detail text,
  provider text,
  dispatch uuid,
  provider_message_id text,
  price numeric(12, 2) check (price >= 0),
  due_at timestamptz not null,
  expires_at timestamptz not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (tenant, id),
  check (reason is not null or status not in ('expired', 'cancelled', 'suppressed', 'failed', 'unknown'))
) with (fillfactor = 55);
create index messages_of_run on messages (tenant, workflow, run_key) where run_key is not null;

-- A call to a provider, written before it is made. open: nothing is prepared there yet; prepared: the provider holds
-- the batch and has not been told to send it; sent: told; closed: every message of it has its end; abandoned: never sent.
create type dispatch_state as enum ('open', 'prepared', 'sent', 'closed', 'abandoned');
create table dispatches (
  tenant text not null,
  id uuid not null,
  provider text not null,
  account text not null,
  messages uuid[] not null check (cardinality(messages) > 0),
  state dispatch_state not null default 'open',
  provider_batch_id text,
  error text,
  lease_until timestamptz not null,
  check_at timestamptz,
  checks smallint not null default 0,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (tenant, id)
);
create index dispatches_undecided on dispatches (lease_until) where state in ('open', 'prepared');
create index dispatches_to_check on dispatches (check_at) where state = 'sent';
create index dispatches_by_batch on dispatches (tenant, provider_batch_id);

-- What a provider said of an attempt. The same word twice is one row.
create table reports (
  tenant text not null,
  message uuid not null,
  attempt smallint not null,
  code text not null,
  outcome text not null,
  channel text,
  provider text not null,
  provider_message_id text,
  detail text,
  at timestamptz,
  received_at timestamptz not null,
  primary key (tenant, message, attempt, code)
);

-- Tickets that must reach a topic. A row goes when its ticket has been consumed, not when it was published: losing every
-- ticket costs time, not data, because what is still here at `publish_at` is published again.
create table outbox (
  tenant text not null,
  id uuid not null,
  topic text not null check (topic = 'send-requests'),
  body jsonb not null check (body ->> 'tenant' = tenant),
  attempts smallint not null default 0,
  publish_at timestamptz not null,
  created_at timestamptz not null,
  primary key (tenant, id)
);
create index outbox_due on outbox (publish_at);

-- What could not be understood or done, with the reason, so that a person can decide. The tenant may be unknown.
create table dead_letters (
  id uuid primary key default gen_random_uuid(),
  tenant text,
  source text not null,
  reason text not null,
  detail text not null,
  attributes jsonb not null default '{}',
  body bytea not null,
  received_at timestamptz not null default now()
);
create index dead_letters_recent on dead_letters (received_at desc);

-- Nobody waits for somebody else's crowd.
--
-- Tickets of many messages at once have a topic of their own, and a function of its own takes them in turn: of each
-- tenant one, and then of each the next. `held_until`: until then a ticket has no turn, for it waits for something, or an
-- instance has it.
alter table outbox drop constraint outbox_topic_check;
alter table outbox add constraint outbox_topic_check check (topic in ('send-requests', 'bulk-send-requests'));
alter table outbox add column held_until timestamptz;
create index outbox_bulk on outbox (tenant, id) where topic = 'bulk-send-requests';

-- By which topic a dispatch's messages came: should they go back, they come by that one again.
alter table dispatches add column topic text not null default 'send-requests'
  check (topic in ('send-requests', 'bulk-send-requests'));

-- How fast an account at a provider is used: messages a second, and how many at once after a rest. Null: as fast as can be.
alter table provider_accounts
  add column messages_per_second int check (messages_per_second between 1 and 100000),
  add column burst int check (burst between 1 and 1000000),
  add constraint rate_and_burst check ((messages_per_second is null) = (burst is null));

-- The bucket of an account at a provider, whoever of several tenants sends by it. `tokens`: millionths of a message that
-- may leave, as of `refilled_at`. `closed_until`: its provider asked for a pause. `queues`: of each tenant and topic that
-- has messages put off, since when it waits for its part and until when the last of them are put off.
create table account_buckets (
  identity text primary key,
  tokens bigint not null check (tokens >= 0),
  refilled_at timestamptz not null,
  closed_until timestamptz,
  queues jsonb not null default '{}'
);
grant select, insert (identity, tokens, refilled_at, closed_until), update (tokens, refilled_at, closed_until, queues)
  on account_buckets to allim_sender;
grant select on account_buckets to allim_operator, allim_backup;

-- An account that is limited has a bucket, however it came to be; an empty one that has been filling for ever is full.
create function give_account_bucket() returns trigger language plpgsql security definer
  set search_path = pg_catalog, public, pg_temp as $$
begin
  insert into account_buckets (identity, tokens, refilled_at)
  values (coalesce(new.identity, new.tenant || '/' || new.id), 0, '2000-01-01Z') on conflict do nothing;
  return null;
end $$;
revoke execute on function give_account_bucket() from public;
create trigger bucket after insert or update on provider_accounts
  for each row when (new.messages_per_second is not null) execute function give_account_bucket();

-- Who takes the tickets of crowds may what allim_sender may, by a pool of connections of its own, and takes them in turn.
do $$
declare
  login text;
begin
  foreach login in array array['allim_bulk_sender', 'allim_bulk_sender_a', 'allim_bulk_sender_b'] loop
    begin
      execute format('create role %I nologin', login);
    exception when duplicate_object or unique_violation then
      null;
    end;
    if login <> 'allim_bulk_sender' then
      execute format('grant allim_bulk_sender to %I', login);
    end if;
    execute format('alter role %I set statement_timeout = ''20s''', login);
    execute format('alter role %I set lock_timeout = ''10s''', login);
    execute format('alter role %I set idle_in_transaction_session_timeout = ''60s''', login);
  end loop;
end $$;
grant allim_sender to allim_bulk_sender;
grant select, update (held_until) on outbox to allim_bulk_sender;

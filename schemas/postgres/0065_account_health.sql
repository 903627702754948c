-- How well an account at a provider works, whoever of several tenants sends by it: what the claim chooses accounts by.
--
-- Calls of two minutes are counted by how long they took (`latencies`; `shared/messages/dispatch/health/rules.py` has the
-- bounds) with those that failed: of the newest one, which began at `minute`, and of the one before. `in_a_row`: failures
-- since a call last went well. `weight`: hundredths of what the account was given, as of `moved_at`; it rises by itself.
-- While `opened_at` is set nothing leaves by it: until `open_until`, and then a few messages on trial, one claim's, whose
-- end is waited for until `trial_until`. `opens`: how often, one after another. `version`: of all but the counts.
set local lock_timeout = '5s';

create table account_health (
  identity text primary key,
  minute timestamptz not null,
  latencies int[] not null,
  failures int not null,
  latencies_before int[] not null default '{}',
  failures_before int not null default 0,
  in_a_row int not null default 0,
  weight smallint not null default 100 check (weight between 0 and 100),
  moved_at timestamptz,
  opens int not null default 0,
  opened_at timestamptz,
  open_until timestamptz,
  trial_until timestamptz,
  error text,
  error_at timestamptz,
  version bigint not null default 0,
  constraint open_until_when check ((opened_at is null) = (open_until is null))
);

grant select on account_health to allim_sender, allim_sweeper, allim_operator, allim_health, allim_watch, allim_backup;
grant insert (identity, minute, latencies, failures, in_a_row, error, error_at), update (
  minute, latencies, failures, latencies_before, failures_before, in_a_row, weight, moved_at, opens, opened_at, open_until,
  trial_until, error, error_at, version
) on account_health to allim_sender, allim_sweeper;
grant select (identity, carries) on provider_accounts to allim_health, allim_watch;

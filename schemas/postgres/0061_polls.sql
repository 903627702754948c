-- Providers that do not call are asked, an account at a time and no faster than the provider allows: until when what it
-- says is known, and when it is asked next. An account is the same one, whoever of several tenants sends by it.
set local lock_timeout = '5s';

create table account_polls (
  identity text primary key,
  polled_until timestamptz not null,
  poll_at timestamptz not null
);
grant select, insert (identity, polled_until, poll_at), update (polled_until, poll_at) on account_polls to allim_sweeper;
grant select on account_polls to allim_operator, allim_backup;

-- What Toss is asked about is put off each time, for longer and longer: what can't be decided holds up nothing else. A
-- deposit that is waited for is asked about, too: the call that tells of it may be lost.
alter table payment_orders add column asks smallint not null default 0,
  add column ask_again_at timestamptz not null default '-infinity';
alter table payment_cancels add column asks smallint not null default 0,
  add column ask_again_at timestamptz not null default '-infinity';
drop index payment_orders_undecided;
create index payment_orders_undecided on payment_orders (updated_at)
  where status in ('confirming', 'waiting_for_deposit');

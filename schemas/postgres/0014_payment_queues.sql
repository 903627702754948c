-- What is undecided is asked for every two seconds, and what failed each minute; both are little among all that was paid.

create index payment_orders_undecided on payment_orders (updated_at) where status = 'confirming';
create index payment_orders_failed on payment_orders (updated_at) where status = 'failed';
create index payment_cancels_undecided on payment_cancels (updated_at) where status = 'asked';

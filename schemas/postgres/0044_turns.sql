-- transactional: false
-- Tenants take turns: what is due of each is found by itself, so that one's hundred thousand cost the others nothing. Nobody
-- waits meanwhile for a lock; run again after it was interrupted, it makes the indexes anew.
drop index concurrently if exists timers_of_tenants;
create index concurrently timers_of_tenants on timers (tenant, due_at);
drop index concurrently if exists outbox_of_tenants;
create index concurrently outbox_of_tenants on outbox (tenant, publish_at);
drop index concurrently if exists outbox_due;

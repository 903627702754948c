-- transactional: false
-- What people ask of the past, `allim messages` and `allim events`, costs as much as it finds: what a customer was sent,
-- what came in of a customer, and what came in of a type. No index names a column that changes, so a message's changes
-- stay on its page, and an event's.
--
-- What is here already is indexed while everybody works; the whole takes up what it finds in its partitions.
drop index if exists messages_of_customer, events_of_customer, events_of_type;
drop index concurrently if exists months.messages_past_of_customer;
create index concurrently messages_past_of_customer on months.messages_past (tenant, customer, id);
drop index concurrently if exists months.events_past_of_customer;
create index concurrently events_past_of_customer
  on months.events_past (tenant, (data #>> '{customer,id}'), received_at);
drop index concurrently if exists months.events_past_of_type;
create index concurrently events_past_of_type on months.events_past (tenant, type, received_at);
begin;
set local lock_timeout = '10s';
create index messages_of_customer on messages (tenant, customer, id);
create index events_of_customer on events (tenant, (data #>> '{customer,id}'), received_at);
create index events_of_type on events (tenant, type, received_at);
drop index if exists events_by_time;
commit;

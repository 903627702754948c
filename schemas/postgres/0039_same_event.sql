-- Of what an event said, a hash: the same id with other contents is told apart from the same event once more. Null for events
-- that came before this was kept: whatever comes under their ids is taken for the same.
alter table events add column fingerprint bytea check (length(fingerprint) = 16);

-- Who brings an event writes that of the one which is there once more, to see it; it stays as it was.
grant insert (fingerprint), update (fingerprint) on events to allim_events;
create trigger forward after update of fingerprint on events for each row
  when (new.fingerprint is distinct from old.fingerprint and row_security_active('public.events'))
  execute function refuse_step_back('fingerprint');

-- A publisher is now bound to tenants and to sources, and what it may not say has one name.
update dead_letters set reason = 'publisher_not_allowed' where reason = 'foreign_tenant';

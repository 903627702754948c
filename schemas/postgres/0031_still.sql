-- After which events a message is not needed any more: asked again when it is claimed, for it may have waited since it
-- was made (for credit, for a provider that was away, for its next channel).
alter table messages add column unless text[];

-- A run that comes back to a moment looks whether its message of then was called off, and locks it while it looks.
grant select (run_revision, status, reason), update (updated_at) on messages to allim_events;

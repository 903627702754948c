-- After which events a message is not needed any more: asked again when it is claimed, for it may have waited since it
-- was made (for credit, for a provider that was away, for its next channel).
alter table messages add column unless text[];

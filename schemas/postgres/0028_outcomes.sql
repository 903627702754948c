-- What an event came to for each workflow that heard it, as it was decided: which run it started, moved (from when to when)
-- or stopped, which steps it silenced, which condition did not hold. Null for events that came before this was kept, whose
-- `note` may say it. Where nothing is written, the workflows that heard it spoke at once, or none did: its messages tell.
alter table events add column outcomes jsonb;
alter table events alter column outcomes set default '[]';

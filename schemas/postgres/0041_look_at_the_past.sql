-- transactional: false
-- What 0040 said of the rows that are here is looked at, and the key of events made anew, while everybody works. A part
-- of it that is done already does nothing when this is run again.
drop index concurrently if exists events_by_month;
create unique index concurrently events_by_month on events (tenant, source, id, month);
alter table messages validate constraint is_past;
alter table dispatches validate constraint is_past;
alter table reports validate constraint is_past;
alter table events validate constraint is_past;
alter table ledger_entries validate constraint is_past;

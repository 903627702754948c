-- What came in lately can be looked up. Events are added in the order of time, so a few bytes for every megabyte of them
-- are enough to find the newest, and cost their writing nothing.
create index events_by_time on events using brin (received_at) with (pages_per_range = 16, autosummarize = on);

-- What an event came to is written with the event where it is known before, so its row is not written twice.
set local lock_timeout = '10s';

grant insert (outcomes) on events to allim_events;

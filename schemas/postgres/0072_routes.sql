set local lock_timeout = '5s';

-- Whether a message may go on to its next channel while the one before may still deliver it.
alter table messages add column may_double boolean not null default false;

-- Whether a provider says that the customer can't be reached on that channel for now: there is no KakaoTalk there.
alter table reports add column lasting boolean not null default false;

grant insert (may_double), select (customer) on messages to allim_events, allim_ticker;
grant select (tenant, message, attempt, outcome, channel, lasting, received_at) on reports to allim_events, allim_ticker;
grant select on prices to allim_events, allim_ticker;

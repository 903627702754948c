-- Most providers send with the one call by which messages are handed over. When that call was begun is written down before
-- it, with `prepared`; from then on it may have been carried out, and the provider's name for it is known with its answer.
set local lock_timeout = '5s';

alter table dispatches add column begun_at timestamptz;
grant update (begun_at) on dispatches to allim_sender;

-- Whoever settles a call whose answer was lost finds its name, and writes its messages again to look for them.
grant update (provider_batch_id) on dispatches to allim_sweeper;
grant select on template_versions to allim_sweeper;
create policy sweeps on template_versions for select to allim_sweeper using (true);

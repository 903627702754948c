-- Several accounts for a tenant. Of those that are active, it sends by the one that it had first.
drop index one_active_account;

-- One rule of freshness, whoever tells: of each field the newest word counts. `told_at` says when each was told, in the
-- order name, phone, email, company, status, plan, locale, attributes; null where nobody has told it yet. In a row from
-- before this column it is empty, and `as_of` speaks for all of them.
alter table customers add column told_at timestamptz[] not null default '{}';

-- Several tenants may send by one account at a provider, which reports of all their messages to one of their addresses.
-- `identity` tells that two rows are one account there: a digest of the credentials that open it. Null where nobody has
-- registered the account anew since; then only its own tenant's messages are known to be sent by it.
alter table provider_accounts add column identity text;
create index provider_accounts_by_identity on provider_accounts (identity);
grant select (tenant, id, identity) on provider_accounts to allim_reports;

-- A tenant's credit account is opened in the moment in which the tenant came, whatever the database's own clock says.
create or replace function open_credit_account() returns trigger
  language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
  insert into credit_accounts (tenant, created_at) values (new.id, new.created_at);
  return null;
end $$;

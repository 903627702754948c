-- What a message may hold beside text, and by what else than a phone a customer is reached: pictures of templates, kept
-- once by their content; the devices on which a customer has the tenant's app; and what is known of an e-mail address.
set local lock_timeout = '5s';

create table template_pictures (
  tenant text not null references tenants,
  name text not null check (name ~ '^[0-9a-f]{64}\.jpg$'),
  content bytea not null,
  created_at timestamptz not null,
  primary key (tenant, name)
);

-- A token belongs to one customer of a tenant: whoever signs in on the device last.
create table customer_devices (
  tenant text not null,
  token text not null check (length(token) between 1 and 4096),
  customer text not null,
  platform text check (platform in ('android', 'ios', 'web')),
  added_at timestamptz not null,
  primary key (tenant, token),
  foreign key (tenant, customer) references customers on delete cascade
);
create index customer_devices_by_customer on customer_devices (tenant, customer);

-- `email_bounced_at`: its server said that the address exists no more. `email_unsubscribed_at`: the customer wants no
-- advertising by e-mail. `devices_told_at`: as of when the list of devices is.
alter table customers
  add column email_bounced_at timestamptz,
  add column email_unsubscribed_at timestamptz,
  add column devices_told_at timestamptz;

-- Another address has not bounced, whoever tells it.
create function forget_the_bounce() returns trigger language plpgsql set search_path = pg_catalog, public, pg_temp as $$
begin
  new.email_bounced_at := null;
  return new;
end $$;
revoke execute on function forget_the_bounce() from public;
create trigger another_address before update of email on customers for each row
  when (old.email_bounced_at is not null and old.email is distinct from new.email)
  execute function forget_the_bounce();

do $$
declare
  made text;
begin
  foreach made in array array['template_pictures', 'customer_devices'] loop
    execute format('alter table %I enable row level security', made);
    execute format('create policy shown on %I for select to allim_backup using (true)', made);
    execute format('create policy sends on %I for select to allim_sender, allim_sweeper using (true)', made);
    execute format('grant select on %I to allim_backup, allim_sender, allim_sweeper', made);
  end loop;
end $$;

create policy gone on customer_devices for delete to allim_sender, allim_sweeper using (true);
grant delete on customer_devices to allim_sender, allim_sweeper;
create policy told on customer_devices to allim_events using (true) with check (true);
grant select, insert (tenant, token, customer, added_at), update (customer, added_at), delete
  on customer_devices to allim_events;
create policy shown_to_people on customer_devices for select to allim_operator using (true);
grant select on customer_devices to allim_operator;

grant update (devices_told_at) on customers to allim_events;
grant select (email, email_bounced_at, email_unsubscribed_at) on customers to allim_sender, allim_sweeper;
grant update (email_bounced_at) on customers to allim_sender, allim_sweeper;
create policy bounced on customers for update to allim_sweeper using (true) with check (true);

-- Where nobody tells what becomes of a message, whoever hands it over writes down that it has arrived, and what it costs.
-- That an entry is what its messages say is proven as ever.
create policy captures on ledger_entries for insert to allim_sender
  with check (kind = 'capture' and cardinality(messages) > 0 and reference is null);

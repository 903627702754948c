-- What a delivered message costs us at its provider, in won, so that the margin is known. Platform-wide, and
-- nothing for tenants to see. A provider's new price is a new row: what was paid for messages before stays as it was.
create table provider_prices (
  provider text not null,
  channel text not null,
  valid_from timestamptz not null default now(),
  cost numeric(12, 2) not null check (cost >= 0),
  primary key (provider, channel, valid_from)
);
insert into provider_prices (provider, channel, valid_from, cost) values
  ('solapi', 'alimtalk', '-infinity', 13), ('solapi', 'sms', '-infinity', 18), ('solapi', 'lms', '-infinity', 45),
  ('solapi', 'mms', '-infinity', 110);
grant select on provider_prices to allim_operator, allim_backup;

-- Every channel has a price: for tenants to come, and for those that there are, unless somebody gave them one before.
insert into default_prices (channel, price) values ('brand_message', 25), ('push', 2), ('inapp', 1), ('email', 3)
on conflict do nothing;
insert into prices (tenant, channel, valid_from, price)
select t.id, d.channel, '-infinity', d.price
from tenants t cross join default_prices d
where d.channel in ('brand_message', 'push', 'inapp', 'email')
  and not exists (select from prices p where p.tenant = t.id and p.channel = d.channel);

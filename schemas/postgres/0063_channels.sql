set local lock_timeout = '5s';

-- Every channel has a price from the start. Prices are never changed: who has one of that name already keeps it.
insert into default_prices (channel, price) values
  ('mms', 200), ('brand', 25), ('push', 2), ('inapp', 1), ('email', 3), ('kakao_me', 0)
on conflict (channel) do nothing;
insert into prices (tenant, channel, valid_from, price)
select t.id, d.channel, '-infinity', d.price
from tenants t cross join default_prices d
where d.channel in ('mms', 'brand', 'push', 'inapp', 'email', 'kakao_me')
on conflict do nothing;
insert into provider_prices (provider, channel, valid_from, cost) values
  ('solapi', 'mms', '-infinity', 110), ('fcm', 'push', '-infinity', 0), ('inapp', 'inapp', '-infinity', 0),
  ('smtp', 'email', '-infinity', 0), ('kakao_me', 'kakao_me', '-infinity', 0)
on conflict (provider, channel, valid_from) do nothing;

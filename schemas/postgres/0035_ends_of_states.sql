-- A workflow that is off says nothing, and what waits of it ends. Somebody switched it off, and then it stays so; or its
-- file is gone from the business's folder, and then it is at work again when the file is.
alter table workflows add column withdrawn boolean not null default false,
  add constraint withdrawn_is_off check (not (withdrawn and active));

-- The claim asks whether a message may still speak, and so whether its workflow may.
grant select (tenant, name, active) on workflows to allim_sender;

-- What nobody began to pay ends after some days, and is found by its age.
create index payment_orders_not_paid on payment_orders (created_at) where status = 'created';

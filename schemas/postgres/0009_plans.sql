-- Plans: what a tenant pays each month and what it may do for it. The plans themselves are data of the code; here stands
-- who has which, until when it is paid, and what comes next. A period is made of whole days of Seoul.

create type plan_name as enum ('FREE', 'BASIC', 'PRO');
create type plan_status as enum ('active', 'past_due');

create table tenant_plans (
  tenant text primary key references tenants,
  plan plan_name not null default 'FREE',
  fee numeric(16, 0) not null default 0 check (fee >= 0),  -- a month's, as it was when the period was paid
  anchor date not null,                                    -- the first day; each period begins on its day of the month
  period_start date,
  period_end date,                                         -- the day after the last
  next_plan plan_name,                                     -- what comes at the period's end, when it is another one
  status plan_status not null default 'active',
  past_due_since timestamptz,
  tries smallint not null default 0 check (tries >= 0),    -- refusals in a row
  pending_order text,                                      -- a charge that is under way
  next_try_at timestamptz not null default 'infinity',     -- when the tick looks at it: a due day, or a lease's end
  constraint free_has_no_period check ((plan = 'FREE') = (period_start is null) and (plan = 'FREE') = (period_end is null)),
  constraint period_is_one check (period_end > period_start and period_start >= anchor),
  constraint free_costs_nothing check (plan <> 'FREE' or (fee = 0 and next_plan is null and status = 'active')),
  constraint next_is_another check (next_plan <> plan),
  constraint past_due_since_a_refusal check (
    (status = 'past_due') = (past_due_since is not null) and (status = 'past_due') = (tries > 0)
  ),
  constraint somebody_looks_again check (next_try_at < 'infinity' or (plan = 'FREE' and pending_order is null))
);
create index tenant_plans_due on tenant_plans (next_try_at) where next_try_at < 'infinity';

-- What an order pays for, written with the order: whoever learns that it is paid can give it.
create table plan_orders (
  tenant text not null,
  order_id text not null,
  kind text not null check (kind in ('subscription', 'upgrade', 'renewal', 'arrears')),
  plan plan_name not null check (plan <> 'FREE'),
  fee numeric(16, 0) not null check (fee >= 0),
  anchor date not null,
  period_start date not null,
  period_end date not null check (period_end > period_start),
  applied_at timestamptz,
  primary key (tenant, order_id),
  foreign key (tenant, order_id) references payment_orders
);
create index plan_orders_of_period on plan_orders (tenant, period_start) where applied_at is not null;

-- What happened to a tenant's plan, and the money of it: charged above zero, given back below.
create table plan_history (
  tenant text not null references tenants,
  id uuid not null,
  reason text not null check (reason in (
    'granted', 'subscribed', 'upgraded', 'renewed', 'downgraded', 'change_scheduled', 'change_undone', 'payment_refused',
    'ended_unpaid', 'cancelled'
  )),
  from_plan plan_name not null,
  to_plan plan_name not null,
  amount numeric(16, 0) not null default 0,
  order_id text,
  detail text,
  created_at timestamptz not null,
  primary key (tenant, id)
);
create index plan_history_recent on plan_history (tenant, created_at desc);
create trigger append_only before update or delete or truncate on plan_history
  for each statement execute function refuse_change();

create function start_free_plan() returns trigger language plpgsql security definer set search_path = public as $$
begin
  insert into tenant_plans (tenant, anchor) values (new.id, (new.created_at at time zone 'Asia/Seoul')::date);
  return null;
end $$;
create trigger free_plan after insert on tenants for each row execute function start_free_plan();
insert into tenant_plans (tenant, anchor) select id, (created_at at time zone 'Asia/Seoul')::date from tenants;

do $$
declare
  table_name text;
begin
  foreach table_name in array array['tenant_plans', 'plan_orders', 'plan_history'] loop
    execute format('alter table %I enable row level security', table_name);
    execute format(
      'create policy own_tenant on %I to allim_api
         using (tenant = (select current_setting(''allim.tenant'', true)))
         with check (tenant = (select current_setting(''allim.tenant'', true)))', table_name);
    execute format('create policy operator on %I for select to allim_operator using (true)', table_name);
    execute format('create policy functions on %I to allim_payments, allim_ticker using (true) with check (true)',
      table_name);
  end loop;
end $$;
grant select, update on tenant_plans to allim_payments, allim_ticker;
grant select, insert, update on plan_orders to allim_payments, allim_ticker;
grant select, insert on plan_history to allim_payments, allim_ticker;
grant select on tenant_plans, plan_orders, plan_history to allim_api, allim_operator;

-- A plan that the operator gives: nobody is charged for it, month after month, until the day it is granted until, or until
-- the operator or the business changes it. Why it was given stands in the plan's history.
alter table tenant_plans
  add column granted boolean not null default false,
  add column granted_until date,  -- the first day without it; null for none
  add constraint granted_costs_nothing check (
    not granted or (plan <> 'FREE' and fee = 0 and next_plan is null and status = 'active')
  ),
  add constraint until_of_a_grant check (granted_until is null or granted);

alter table plan_history
  drop constraint plan_history_reason_check,
  add constraint plan_history_reason_check check (reason in (
    'granted', 'grant_ended', 'subscribed', 'upgraded', 'renewed', 'downgraded', 'change_scheduled', 'change_undone',
    'payment_refused', 'ended_unpaid', 'cancelled'
  ));

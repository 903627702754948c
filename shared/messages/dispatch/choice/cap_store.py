"""How many messages a day leave from a number, in the words of SQL: parts of the statements that claim them and give
them up. A number without a cap is not counted, and costs nothing."""

from __future__ import annotations

from shared.messages.dispatch.choice.account_store import LEGS_IN_SQL, SEOULS_DAY, TODAY

TOMORROW = f"(({TODAY} + 1)::timestamp at time zone 'Asia/Seoul')"
"""When the next day begins in Korea."""


def deciding_caps(wanted: str) -> str:
    """Decide which of the messages that would be sent are more than their number may send today, as a part of another
    statement: its table `beyond` has those (`tenant`, `id`). The first, in the order of ids, may leave.

    Args:
        wanted: in that statement, a table of messages (`tenant`, `id`) with the number that they leave from where it is
            capped (`sender`). The statement has the parameter `now`.
    """
    return f"""days as (
  -- Locked after the messages and their credit, and in one order.
  select d.tenant, d.number as sender, n.daily_cap, case when d.day = {TODAY} then d.used else 0 end as used
  from (select distinct tenant, sender from {wanted} where sender is not null) w
  join sender_numbers n on n.tenant = w.tenant and n.number = w.sender
  join sender_days d on d.tenant = w.tenant and d.number = w.sender
  order by d.tenant, d.number for no key update of d
),
beyond as (
  select w.tenant, w.id
  from (
    select tenant, id, sender, row_number() over (partition by tenant, sender order by id) as place
    from {wanted} where sender is not null
  ) w
  join days using (tenant, sender) where place > daily_cap - used
)"""


def counting(claimed: str) -> str:
    """Count what leaves from a number today, as a part of another statement that has the tables of `deciding_caps`.

    Args:
        claimed: in that statement, a table of messages (`tenant`, `status`, and `sender`: null where it is not capped),
            with the `obstacle` for which one does not leave after all.
    """
    return f"""
  update sender_days d set day = {TODAY}, used = c.used + c.number
  from (
    select tenant, sender, days.used, count(*)::int as number
    from {claimed} join days using (tenant, sender) where status = 'sending' and obstacle is null
    group by tenant, sender, days.used
  ) c
  where d.tenant = c.tenant and d.number = c.sender"""


def uncounting(back: str, abandoned: str) -> str:
    """Count no more what did not leave from a number after all, as a part of another statement.

    Where something is given back of what was held, nothing is uncounted: that locks the credit, which the claim locks
    before it counts.

    Args:
        back: in that statement, a table of messages that go back (`tenant`, `status`, `leg`, `settlement`).
        abandoned: in it, the call that they were to leave by (`tenant`, `account`, `created_at`).
    """
    return f"""
  update sender_days d set used = greatest(0, d.used - b.number)
  from (
    select p.tenant, p.sender, ({SEOULS_DAY.format("a.created_at")}) as day, count(*)::int as number
    from {back} m cross join {abandoned} a join provider_accounts p on p.tenant = a.tenant and p.id = a.account
    where m.leg in ({LEGS_IN_SQL}) and m.status = 'queued'
      and not exists (select from {back} where settlement is not null)
    group by p.tenant, p.sender, a.created_at
  ) b
  join sender_numbers n on n.tenant = b.tenant and n.number = b.sender and n.daily_cap is not null
  where d.tenant = b.tenant and d.number = b.sender and d.day = b.day"""

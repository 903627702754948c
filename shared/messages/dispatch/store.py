"""SQL of claims: what may leave now, who pays for it, and whom it reaches. What decides says so by its name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence, Set
from typing import Any, NamedTuple, TypedDict, Unpack
from uuid import UUID

import orjson

from shared.contracts.channels import LEG_PRICES, LEGS
from shared.contracts.tickets import SendTicket
from shared.credits.ledger.entries import entering
from shared.credits.prices.store import current_prices
from shared.customers.reaching import Reach
from shared.messages.dispatch.choice.account_store import deciding_accounts, dispatch_ids
from shared.messages.dispatch.choice.cap_store import TOMORROW, counting, deciding_caps
from shared.messages.dispatch.choice.weight_store import deciding_trials, trials
from shared.messages.dispatch.fairness.pace_store import STILL_WAITS, deciding_pace
from shared.messages.reasons import (
    ACCOUNT_PAUSED,
    ACCOUNTS_FAILING,
    CREDIT_SHORTAGE,
    NO_LONGER_NEEDED,
    NO_PROVIDER_ACCOUNT,
    PRICE_MISSING,
    RUN_CHANGED,
    SENDER_USED_UP,
    SENTENCES,
    TENANT_SUSPENDED,
    TOO_LATE,
    WAITING_FOR_CREDIT,
    WORKFLOW_OFF,
)
from shared.platform.database import Connection, fetch_tuples
from shared.platform.database.keys import is_one
from shared.platform.ids import months_of
from shared.platform.signals.alerts import raising

_SENTENCES = orjson.dumps(SENTENCES).decode()

_TO_DEVICES = [row.leg for row in LEGS.values() if row.to == "devices"]

MOST_DEVICES = 20
"""Of a customer that a message goes to, the newest; nobody has more in use."""

CREDIT_RECHECK = dt.timedelta(seconds=30)
"""How long messages that wait for credit stay before they are looked at again."""

SUSPENSION_RECHECK = dt.timedelta(minutes=10)
"""How long those of a suspended tenant or a paused account stay: whoever resumes it calls them, and one whose moment is
over can wait."""


_MOVES = """
    select tenant, hold, 'hold'::entry_kind, id, 0, held, null::text
    from claimed where status = 'sending' and hold = new_hold
    union all
    select tenant, settlement, 'release', id, 0, -held, null from claimed where settlement = release"""
_SHORT = """
    select distinct tenant, 'credit_shortage', %(short)s::text
    from verdicts where not affordable and verdict = 'sending'"""


def _claiming(if_locked: str) -> str:
    return f"""
with asked as (
  select tenant, id, max(tried) as tried
  from unnest(%(tenants)s::text[], %(ids)s::uuid[], %(tried)s::text[]) as a (tenant, id, tried) group by tenant, id
),
senders as (
  select s.tenant, s.lot, s.first_dispatch, gen_random_uuid() as new_hold, gen_random_uuid() as release, t.revision,
    t.suspended_at is not null as suspended
  from unnest(%(sender_tenants)s::text[], %(lots)s::numeric[], %(first_dispatches)s::uuid[])
    as s (tenant, lot, first_dispatch)
  join tenants t on t.id = s.tenant
),
price_list as ({current_prices("tenant = any(%(sender_tenants)s)")}),
candidates as (
  -- Each row by its key and later by its place, whatever the planner believes about a table that has just grown.
  -- Locked first, in the order of reports: what a claim before this one has taken must not count against the credit.
  select a.*, m.part, m.place, m.route, m.position, m.route[m.position + 1] as leg, m.expires_at, m.hold,
    m.goes_on_at, m.tries,
    m.run_key is not null and m.run_revision is distinct from r.revision as run_changed,
    coalesce(r.settled, false) as settled, coalesce(w.is_off, false) as workflow_off
  from (
    select asked.tenant, asked.id, asked.tried, s.new_hold, s.release, s.revision, s.suspended
    from asked join senders s on s.tenant = asked.tenant
    order by asked.tenant, asked.id
  ) a
  cross join lateral (
    -- A hold that is settled holds nothing: a message that goes on in spite of its end is held for anew.
    select tableoid as part, ctid as place, route, position, expires_at, tries,
      -- Trying an account in vain gives the channel no more time.
      case when position + 1 < cardinality(route) then case
        when a.tried = '' then greatest(due_at, updated_at) + make_interval(secs => deadlines[position + 1])
        else due_at + (select make_interval(secs => sum(d)) from unnest(deadlines[:position + 1]) as d) end
      end as goes_on_at,
      case when settlement is null then hold end as hold, workflow, run_key, run_revision, unless
    from messages
    where tenant = a.tenant and id = {is_one("a.id")} and status = 'queued' and id between %(first_id)s and %(last_id)s
    limit 1 for no key update
  ) m
  left join lateral (
    select revision, exists (
      select from unnest(m.unless) as kind where (facts ->> kind)::timestamptz >= coalesce(started_as_of, '-infinity')
    ) as settled
    from runs where tenant = a.tenant and workflow = m.workflow and key = m.run_key
  ) r on true
  left join lateral (select not active as is_off from workflows where tenant = a.tenant and name = m.workflow) w on true
),
credit as (
  select a.tenant, a.balance - a.held as available, a.wait_for_credit
  from (select tenant from candidates group by tenant) as c join credit_accounts a using (tenant)
  order by a.tenant for no key update of a {if_locked}
),
held_up as (select distinct tenant from candidates where tenant not in (select tenant from credit)),
consumed as (
  delete from outbox
  using unnest(%(ticket_tenants)s::text[], %(ticket_ids)s::uuid[]) as t (ticket_tenant, ticket_id)
  where tenant = ticket_tenant and id = ticket_id and tenant not in (select tenant from held_up)
),
dearest as (
  select w.tenant, w.route, w.position, max(p.price) as price, bool_or(p.price is null) as unpriced
  from (select distinct tenant, route, position from candidates) w
  cross join unnest(w.route[w.position + 1:]) as leg
  left join unnest(%(legs)s::text[], %(leg_prices)s::text[]) as b (leg, price_name) using (leg)
  left join price_list p on p.tenant = w.tenant and p.channel = coalesce(b.price_name, leg)
  group by w.tenant, w.route, w.position
),
listed as (
  -- Those that were tried least try out an account, so that none has its tries used up before its time.
  select *, row_number() over (partition by tenant, leg order by tries, id) <= %(trial_messages)s as first
  from candidates
),
{deciding_accounts("listed", "senders")},
priced as (
  select c.*, d.price, a.account, a.provider, a.bucket, a.messages_per_second, a.burst, a.sender, a.dispatch,
    o.obstacle, a.again_at, coalesce(a.on_trial and o.obstacle is null, false) as on_trial,
    case
      when c.expires_at < %(now)s then 'expired'
      when c.run_changed or c.settled or c.workflow_off then 'cancelled'
      when c.suspended or o.obstacle = '{ACCOUNT_PAUSED}' then 'queued'
      when o.obstacle = '{ACCOUNTS_FAILING}' and coalesce(%(now)s < c.goes_on_at, true) then 'queued'
      when a.account is null or d.unpriced then 'failed'
      else 'sending'
    end as verdict
  from listed c join dearest d using (tenant, route, position)
  left join chosen a using (tenant, leg, tried, first)
  cross join lateral (
    -- Whoever was tried in vain and may go on tries nothing out.
    select case when a.on_trial and a.obstacle is null and c.tried <> '' and %(now)s >= c.goes_on_at
      then '{ACCOUNTS_FAILING}' else a.obstacle end as obstacle
  ) o
),
afforded as (
  select p.*, credit.wait_for_credit,
    sum(case when p.hold is null and p.verdict = 'sending' then p.price else 0 end)
      over (partition by p.tenant order by p.id) <= credit.available or p.hold is not null as affordable
  from priced p join credit using (tenant)
),
ready as (
  select tenant, id, bucket, messages_per_second, burst, sender, on_trial from afforded
  where verdict = 'sending' and affordable and obstacle is null
),
{deciding_caps("ready")},
within as (select * from ready where (tenant, id) not in (select tenant, id from beyond)),
{deciding_trials("within")},
wanted as (select * from within where (tenant, id) not in (select tenant, id from off_trial)),
{deciding_pace("wanted")},
paced as materialized (
  select a.*, (tenant, id) in (select tenant, id from held_back) as is_held_back,
    (tenant, id) in (select tenant, id from beyond) as is_beyond,
    (tenant, id) in (select tenant, id from off_trial) as is_off_trial
  from afforded a
),
verdicts as (
  select a.*,
    case
      when is_beyond then {TOMORROW}
      when is_held_back then p.back_at
      when is_off_trial then %(now)s + %(failing_recheck)s
      when verdict = 'queued' and not suspended and obstacle = '{ACCOUNTS_FAILING}' then least(again_at, goes_on_at)
      when verdict = 'queued' then %(suspended_until)s else %(wait_until)s end as at,
    (case
      when is_beyond and expires_at < {TOMORROW} then 'expired'
      when is_beyond or is_held_back or is_off_trial then 'queued'
      when verdict <> 'sending' or affordable then verdict
      when wait_for_credit then 'queued'
      else 'failed' end)::message_status as next,
    case
      when is_beyond then '{SENDER_USED_UP}'
      when verdict = 'expired' and suspended then '{TENANT_SUSPENDED}'
      when verdict = 'expired' and obstacle in ('{ACCOUNT_PAUSED}', '{ACCOUNTS_FAILING}') then obstacle
      when verdict = 'expired' then '{TOO_LATE}'
      when verdict = 'cancelled' then case
        when run_changed then '{RUN_CHANGED}' when settled then '{NO_LONGER_NEEDED}' else '{WORKFLOW_OFF}' end
      when verdict = 'failed' and account is null then '{NO_PROVIDER_ACCOUNT}'
      when verdict = 'failed' then '{PRICE_MISSING}'
      when verdict = 'sending' and not affordable and not wait_for_credit then '{CREDIT_SHORTAGE}' end as reason
  from paced a left join put_off p on a.is_held_back and p.bucket = a.bucket and p.tenant = a.tenant
),
claimed as (
  update messages m
  set status = v.next,
      reason = v.reason,
      detail = %(sentences)s::jsonb ->> v.reason,
      dispatch = case v.next when 'sending' then v.dispatch end,
      provider = case v.next when 'sending' then v.provider end,
      hold = case when v.hold is null and v.next = 'sending' then v.new_hold else m.hold end,
      held = case when v.hold is null and v.next = 'sending' then v.price else m.held end,
      settlement = case
        when v.next = 'sending' then null when v.hold is not null then v.release else m.settlement end,
      tries = m.tries + 1,
      updated_at = %(now)s
  from verdicts v
  where m.ctid = v.place and m.tableoid = v.part and m.id between %(first_id)s and %(last_id)s and v.next <> 'queued'
  returning m.tenant, m.id, m.status, m.customer, m.recipient, m.template, m.template_version, m.variables, m.route,
    m.deadlines, m.position, m.attempt, m.dispatch, m.hold, m.held, m.settlement, v.new_hold, v.release, v.account,
    v.provider, v.revision, v.sender, v.obstacle, v.on_trial
),
opened as (
  insert into dispatches (tenant, id, provider, account, topic, messages, lease_until, created_at, updated_at)
  select tenant, dispatch, provider, account, %(topic)s, array_agg(id order by id), %(lease_until)s, %(now)s, %(now)s
  from claimed where status = 'sending'
  group by tenant, dispatch, provider, account
),
entries as ({entering(_MOVES)}),
alerted as ({raising(_SHORT)}),
waiting as (
  insert into outbox (tenant, id, topic, body, publish_at, held_until, created_at)
  select tenant, ticket, %(topic)s,
    jsonb_strip_nulls(jsonb_build_object('id', ticket, 'tenant', tenant, 'messages', ids, 'tried', nullif(tried, ''))),
    at, at, %(now)s
  from (
    select tenant, at, tried, gen_random_uuid() as ticket, jsonb_agg(id order by id) as ids
    from verdicts where next = 'queued' group by tenant, at, tried
  ) w
),
counted as ({counting("claimed")})
select c.tenant, c.id, c.customer, recipient, template, template_version, variables, position, attempt, dispatch,
  account, provider, revision, c.route[c.position + 1] as leg, p.id is not null as customer_known, p.email,
  p.email_bounced_at is not null as email_bounced, p.email_unsubscribed_at is not null as unsubscribed,
  case when c.route[c.position + 1] = any(%(to_devices)s::text[]) then array(
    select token from customer_devices where tenant = c.tenant and customer = c.customer
    order by added_at desc, token limit %(most_devices)s
  ) end as devices,
  obstacle, on_trial, h.tenants as held_up
from (select array(select tenant from held_up) as tenants) h left join claimed c on c.status = 'sending'
left join lateral (
  select id, email, email_bounced_at, email_unsubscribed_at from customers
  where tenant = c.tenant and id = c.customer limit 1
) p on true
"""


DECIDE_CLAIMS = _claiming("")
DECIDE_CLAIMS_UNLESS_LOCKED = _claiming("skip locked")


class Claimed(NamedTuple):
    """A message that this instance alone may send now; fields in the order of the claim's columns. `leg` is its route's
    channel; `revision` the tenant's; `customer_known`: the tenant has the customer whom it is for.

    email_bounced, unsubscribed: the address exists no more; the customer wants no advertising there.
    devices: the tokens of the customer's newest devices, for a leg that goes to them.
    obstacle: why its account can't send it, and no other can; on_trial: it tries an account whose breaker is half-open.
    """

    tenant: str
    id: UUID
    customer: str
    recipient: str | None
    template: str
    template_version: int
    variables: Mapping[str, str]
    position: int
    attempt: int
    dispatch: UUID
    account: str
    provider: str
    revision: int
    leg: str
    customer_known: bool
    email: str | None = None
    email_bounced: bool = False
    unsubscribed: bool = False
    devices: Sequence[str] | None = None
    obstacle: str | None = None
    on_trial: bool = False

    @property
    def reach(self) -> Reach:
        """By what the customer may be reached."""
        return Reach(self.customer, self.recipient, self.email, self.email_bounced, self.devices)


class Claiming(TypedDict):
    """How tickets are claimed.

    topic: by which they came; by it come those that wait, and those of the dispatch that go back.
    now: the moment.
    lease_until: until then nobody else looks at the dispatch.
    """

    topic: str
    now: dt.datetime
    lease_until: dt.datetime


async def decide_claims(
    connection: Connection, tickets: Sequence[SendTicket], dispatches: Mapping[str, UUID], **claiming: Unpack[Claiming]
) -> list[Claimed]:
    """Consume tickets and decide what becomes of their queued messages: `sending` under a new dispatch, or an end.

    In the same statement the account is chosen, and the dearest price still open on each route is held. Where credit is
    short, messages fail or, if the tenant so chose, wait. Those of a suspended tenant or a paused account wait until
    their moment is over; those beyond their account's rate until there are tokens for them, and those beyond what their
    sender may send today until tomorrow.

    Args:
        connection: in autocommit; the statement is the transaction.
        tickets: those to consume.
        dispatches: the id of the new dispatch, by tenant; see `dispatch_ids`.
        claiming: how.
    """
    return _claimed(await fetch_tuples(connection, DECIDE_CLAIMS, _parameters(tickets, dispatches, claiming)))


async def decide_claims_unless_locked(
    connection: Connection, tickets: Sequence[SendTicket], dispatches: Mapping[str, UUID], **claiming: Unpack[Claiming]
) -> tuple[list[Claimed], Set[str]]:
    """As `decide_claims`, and waits for nobody's credit: a crowd's reports and claims hold theirs for long.

    For messages it waits: a ticket that comes twice waits for the claim that takes it patiently.

    Returns:
        What is claimed, and the tenants whose credit somebody else holds: of theirs nothing was done.
    """
    parameters = _parameters(tickets, dispatches, claiming)
    rows = await fetch_tuples(connection, DECIDE_CLAIMS_UNLESS_LOCKED, parameters)
    *_, held_up = rows[0]
    return _claimed(rows), frozenset(held_up)


def _parameters(tickets: Sequence[SendTicket], dispatches: Mapping[str, UUID], claiming: Claiming) -> dict[str, Any]:
    now = claiming["now"]
    return {
        **claiming,
        "ticket_tenants": [ticket.tenant for ticket in tickets],
        "ticket_ids": [ticket.id for ticket in tickets],
        "tenants": [ticket.tenant for ticket in tickets for _ in ticket.messages],
        "ids": [message for ticket in tickets for message in ticket.messages],
        "tried": [ticket.tried or "" for ticket in tickets for _ in ticket.messages],
        **months_of(message for ticket in tickets for message in ticket.messages),
        **dispatch_ids(dispatches),
        **trials(),
        "wait_until": now + CREDIT_RECHECK,
        "suspended_until": now + SUSPENSION_RECHECK,
        **LEG_PRICES,
        "to_devices": _TO_DEVICES,
        "most_devices": MOST_DEVICES,
        "sentences": _SENTENCES,
        "short": WAITING_FOR_CREDIT,
        "still_waits": STILL_WAITS,
    }


def _claimed(rows: Sequence[tuple[Any, ...]]) -> list[Claimed]:
    """Of rows that may have none claimed, and tell who is held up in their last column."""
    return [Claimed._make(row[:-1]) for row in rows if row[1] is not None]

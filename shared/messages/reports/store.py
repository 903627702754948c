"""SQL of what providers said. One function a statement; only the charge of a delivery is decided here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from uuid import UUID

from shared.contracts.channels import price_name
from shared.contracts.reports import ProviderReport
from shared.contracts.tickets import SendTicket
from shared.credits.ledger.entries import LATE, entering
from shared.credits.prices.store import current_prices
from shared.messages.ends_store import deciding_ends
from shared.messages.status import Change, Standing, State, Status
from shared.messages.store import WRITE_TICKETS, ticket_columns
from shared.platform.database import Connection, fetch_all
from shared.platform.database.keys import is_one
from shared.platform.ids import months_of

LOCK_STATES = f"""
select m.tenant, m.id, m.attempt, m.position, m.status::text, m.route, m.channel, m.may_double
from (
  select distinct tenant, id from unnest(%(tenants)s::text[], %(ids)s::uuid[]) as a (tenant, id) order by tenant, id
) asked
cross join lateral (
  select * from messages
  where tenant = asked.tenant and id = {is_one("asked.id")} and id between %(first_id)s and %(last_id)s
  limit 1 for update
) m
"""


async def lock_states(connection: Connection, messages: Sequence[tuple[str, UUID]]) -> dict[tuple[str, UUID], Standing]:
    """Where messages stand, locked until the transaction ends, in one order so that two batches never deadlock."""
    rows = await fetch_all(
        connection,
        LOCK_STATES,
        {
            "tenants": [tenant for tenant, _ in messages],
            "ids": [id_ for _, id_ in messages],
            **months_of(id_ for _, id_ in messages),
        },
    )
    return {
        (row["tenant"], row["id"]): Standing(
            tenant=row["tenant"],
            id=row["id"],
            state=State(row["attempt"], Status(row["status"])),
            position=row["position"],
            channel=row["channel"],
            route=tuple(row["route"]),
            may_double=row["may_double"],
        )
        for row in rows
    }


Asked = tuple[str, str, UUID, int]
"""A tenant, its account to whose address a report came, and the message and the attempt that the report names."""

# A message that waits for its next call names no call: then it was sent by this account when its tenant has no other.
OWNERS_BY_ACCOUNT = """
select a.tenant, a.account, a.id, a.attempt, m.tenant as owner
from unnest(%(tenants)s::text[], %(accounts)s::text[], %(ids)s::uuid[], %(attempts)s::int[])
  as a (tenant, account, id, attempt)
join provider_accounts ours on ours.tenant = a.tenant and ours.id = a.account
join provider_accounts theirs on theirs.identity = ours.identity and theirs.tenant <> ours.tenant
join messages m on m.tenant = theirs.tenant and m.id = a.id
left join dispatches d on d.tenant = m.tenant and d.id = m.dispatch
where d.account = theirs.id
  or d.id is null and a.attempt < m.attempt and not exists (
    select from provider_accounts other
    where other.tenant = m.tenant and other.identity is distinct from ours.identity
  )
"""


async def owners_by_account(connection: Connection, asked: Sequence[Asked]) -> dict[Asked, str]:
    """Whose messages those are that reports name, where they are another tenant's which sends by the very same account
    at the provider, and this message was sent by it."""
    tenants, accounts, ids, attempts = zip(*asked, strict=True) if asked else ((), (), (), ())
    rows = await fetch_all(
        connection,
        OWNERS_BY_ACCOUNT,
        {"tenants": list(tenants), "accounts": list(accounts), "ids": list(ids), "attempts": list(attempts)},
    )
    return {(row["tenant"], row["account"], row["id"], row["attempt"]): row["owner"] for row in rows}


DECIDING_PRICE = "least(p.price, c.held)"
"""What a delivery costs whose hold is open, of a change `c` and the price `p` of its channel: a price that rose after
the hold is charged as held."""

_CAPTURED = "tenant in (select tenant from changes where settles = 'capture')"
_MOVES = """
    select tenant, entry, settles, id, case settles when 'capture' then -price else 0 end,
      case when late then 0 else -held end, case when late then %(late)s end
    from changed where entry is not null"""

RECORD_REPORTS_AND_DECIDE_CHARGES = f"""
with said as (
  insert into reports (
    tenant, message, attempt, code, outcome, channel, provider, provider_message_id, detail, at, lasting, received_at
  )
  select r.*, %(now)s from unnest(
    %(report_tenants)s::text[], %(report_messages)s::uuid[], %(report_attempts)s::int[], %(codes)s::text[],
    %(outcomes)s::text[], %(report_channels)s::text[], %(providers)s::text[], %(report_provider_ids)s::text[],
    %(report_details)s::text[], %(report_at)s::timestamptz[], %(report_lasting)s::bool[]
  ) as r
  on conflict do nothing
),
tickets as ({WRITE_TICKETS}),
changes as (
  -- Each row by its key and later by its place, whatever the planner believes about a table that has just grown.
  select c.*, m.*
  from unnest(
    %(tenants)s::text[], %(ids)s::uuid[], %(statuses)s::message_status[], %(attempts)s::int[], %(positions)s::int[],
    %(channels)s::text[], %(provider_ids)s::text[], %(reasons)s::text[], %(details)s::text[], %(requeued)s::bool[],
    %(settles)s::entry_kind[], %(price_names)s::text[]
  ) as c (
    tenant, id, status, attempt, position, channel, provider_message_id, reason, detail, requeued, settles, price_name
  )
  cross join lateral (
    select tableoid as part, ctid as place, hold, held, settlement, price as paid, dispatch,
      status in ('sending', 'sent', 'unknown') as was_open
    from messages where tenant = c.tenant and id = {is_one("c.id")} and id between %(first_id)s and %(last_id)s
    limit 1
  ) m
),
{deciding_ends("changes")},
price_list as ({current_prices(_CAPTURED)}),
owed as (
  -- A delivery that comes after the release finds no hold.
  select c.*,
    c.settles is not null and c.hold is not null and c.settlement is null as open,
    coalesce(c.settles = 'capture' and c.hold is not null and c.settlement is not null and c.paid is null, false)
      as late,
    case when c.settles = 'capture' and c.hold is not null then {DECIDING_PRICE} end as price
  from changes c left join price_list p on p.tenant = c.tenant and p.channel = c.price_name
),
credit as (
  select tenant, balance - held as available from credit_accounts
  where tenant in (select tenant from owed where late) order by tenant for no key update
),
charged as (
  select o.*,
    case
      when o.open then o.price
      when o.late and sum(o.price) over (partition by o.tenant, o.late order by o.id) <= credit.available then o.price
      when o.late then 0 end as charge
  from owed o left join credit on o.late and credit.tenant = o.tenant
),
numbers as (
  select tenant, settles, late, gen_random_uuid() as entry
  from (select distinct tenant, settles, late from owed where open or late) as kinds
),
changed as (
  update messages m
  set status = c.status, attempt = c.attempt, position = c.position,
      channel = case when m.price is null then c.channel else m.channel end,
      dispatch = case when c.requeued then null else m.dispatch end,
      tries = case when c.requeued then 0 else m.tries end,
      provider_message_id =
        case when c.requeued then null else coalesce(c.provider_message_id, m.provider_message_id) end,
      reason = c.reason, detail = c.detail,
      price = coalesce(m.price, c.charge),
      settlement = coalesce(n.entry, m.settlement),
      updated_at = %(now)s
  from charged c
  left join numbers n on n.tenant = c.tenant and n.settles = c.settles and n.late = c.late and (c.open or c.late)
  where m.ctid = c.place and m.tableoid = c.part and m.id between %(first_id)s and %(last_id)s
  returning m.tenant, m.id, c.settles, m.held, m.price, c.late, n.entry
)
{entering(_MOVES)}
"""


async def record_reports_and_decide_charges(
    connection: Connection,
    reports: Sequence[tuple[str, str, ProviderReport]],
    changes: Sequence[Change],
    tickets: Sequence[SendTicket],
    *,
    topics: Mapping[str, str],
    now: dt.datetime,
    publish_at: dt.datetime,
) -> None:
    """Keep what was said (tenant, provider, report), what it changes, and the tickets of messages that go on,
    each to its tenant's topic.

    A dispatch is closed once the last of its messages is not on its way with it any more.

    A hold is captured at the price of the channel that delivered, and never at more than was held. A delivery that
    comes after its hold was released is charged as far as there is credit, and is free beyond that.
    """
    await connection.execute(
        RECORD_REPORTS_AND_DECIDE_CHARGES,
        {
            "now": now,
            "publish_at": publish_at,
            "report_tenants": [tenant for tenant, _, _ in reports],
            "report_messages": [report.message for _, _, report in reports],
            "report_attempts": [report.attempt for _, _, report in reports],
            "codes": [report.code for _, _, report in reports],
            "outcomes": [report.outcome for _, _, report in reports],
            "report_channels": [report.channel for _, _, report in reports],
            "providers": [provider for _, provider, _ in reports],
            "report_provider_ids": [report.provider_message_id for _, _, report in reports],
            "report_details": [report.detail for _, _, report in reports],
            "report_at": [report.at for _, _, report in reports],
            "report_lasting": [report.lasting for _, _, report in reports],
            **ticket_columns(tickets, topics),
            "tenants": [change.tenant for change in changes],
            "ids": [change.id for change in changes],
            **months_of(change.id for change in changes),
            "statuses": [change.state.status for change in changes],
            "attempts": [change.state.attempt for change in changes],
            "positions": [change.position for change in changes],
            "channels": [change.channel for change in changes],
            "provider_ids": [change.provider_message_id for change in changes],
            "reasons": [change.reason for change in changes],
            "details": [change.detail for change in changes],
            "requeued": [change.requeued for change in changes],
            "settles": [change.settles for change in changes],
            "price_names": [price_name(change.channel) for change in changes],
            "late": LATE,
        },
    )

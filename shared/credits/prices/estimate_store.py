"""SQL of what a send needs to know before it begins. One function a statement; nothing here decides."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from shared.credits.prices.store import current_prices
from shared.platform.database import Connection, fetch_all
from shared.platform.ids import first_id

READINESS = """
select c.balance - c.held as available, c.wait_for_credit, p.sender, p.kakao_channel, v.approval,
  coalesce(v.content -> 'alimtalk', 'null') <> 'null' as has_alimtalk,
  b.name as business, coalesce(v.content ->> 'category', '') as category, v.content #>> '{alimtalk,text}' as alimtalk,
  v.content #>> '{sms,text}' as sms, v.content #>> '{sms,subject}' as subject
from credit_accounts c
join tenants b on b.id = c.tenant
left join provider_accounts p on p.tenant = c.tenant and p.active
left join templates t on t.tenant = c.tenant and t.name = %(template)s
left join template_versions v on v.tenant = t.tenant and v.name = t.name and v.version = t.active_version
where c.tenant = %(tenant)s
"""


@dataclass(frozen=True, slots=True)
class Readiness:
    """What a tenant has to send with. `sender` is None without an active provider account, `approval` where there is no
    such template. `business` is the tenant's name; `alimtalk`, `sms` and `subject` are the template's words.
    """

    available: Decimal
    wait_for_credit: bool
    sender: str | None
    kakao_channel: str | None
    approval: str | None
    has_alimtalk: bool
    business: str
    category: str
    alimtalk: str | None
    sms: str | None
    subject: str | None


async def read_readiness(connection: Connection, tenant: str, template: str) -> Readiness | None:
    """What a tenant has to send a template with, or None where there is no such tenant."""
    rows = await fetch_all(connection, READINESS, {"tenant": tenant, "template": template})
    return Readiness(**rows[0]) if rows else None


PRICES = current_prices("tenant = %(tenant)s")


async def read_prices(connection: Connection, tenant: str, now: dt.datetime) -> dict[str, Decimal]:
    """A tenant's prices in won by channel."""
    rows = await fetch_all(connection, PRICES, {"tenant": tenant, "now": now})
    return {row["channel"]: row["price"] for row in rows}


RATES = """
with recent as (
  select route, position, status >= 'delivered' as arrived from messages
  where tenant = %(tenant)s and id >= %(since)s and hold is not null and status in ('failed', 'delivered', 'read')
  order by id desc limit %(limit)s
)
select leg, count(*) as tried, count(*) filter (where arrived and place = position + 1) as delivered
from recent cross join lateral unnest(route[1:position + 1]) with ordinality as tried (leg, place)
group by leg
"""


async def read_rates(
    connection: Connection, tenant: str, *, since: dt.datetime, limit: int
) -> dict[str, tuple[int, int]]:
    """How often each leg of a route was tried and how often it delivered, in the newest messages since a moment."""
    rows = await fetch_all(connection, RATES, {"tenant": tenant, "since": first_id(since), "limit": limit})
    return {row["leg"]: (row["tried"], row["delivered"]) for row in rows}

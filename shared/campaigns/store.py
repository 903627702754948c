"""SQL of bulk sends, as role `allim_api` inside one tenant. One function a statement; nothing here decides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from shared.campaigns.carriers import Carrier
from shared.messages.metrics import OURSELVES
from shared.messages.status import Status
from shared.platform.database import Connection, fetch_all
from shared.templates.template import TemplateContent

SEND = "select template, begun_at from bulk_sends where tenant = %(tenant)s and key = %(key)s"


@dataclass(frozen=True, slots=True)
class KnownSend:
    """What a key stands for: a template, and the moment with which the ids of the messages begin."""

    template: str
    begun_at: dt.datetime


async def read_send(connection: Connection, tenant: str, key: str) -> KnownSend | None:
    """The send that has the key; None where nobody has used it yet."""
    rows = await fetch_all(connection, SEND, {"tenant": tenant, "key": key})
    return KnownSend(**rows[0]) if rows else None


BEGIN_SEND = """
insert into bulk_sends (tenant, key, template, begun_at)
values (%(tenant)s, %(key)s, %(template)s, %(begun_at)s)
on conflict (tenant, key) do nothing
"""


async def begin_send(connection: Connection, tenant: str, key: str, send: KnownSend) -> bool:
    """Give a key its meaning, for good. False where it has one already."""
    parameters = {"tenant": tenant, "key": key, "template": send.template, "begun_at": send.begun_at}
    return (await connection.execute(BEGIN_SEND, parameters)).rowcount == 1


SENT_WITH_KEY = """
select id, template from messages where tenant = %(tenant)s and workflow is null and run_key = %(key)s limit 1
"""


@dataclass(frozen=True, slots=True)
class EarlierSend:
    """Some message of a send, and its template."""

    message: UUID
    template: str


async def sent_with_key(connection: Connection, tenant: str, key: str) -> EarlierSend | None:
    """A send that had the key before keys were kept. (Found by the index `messages_of_run`.)"""
    rows = await fetch_all(connection, SENT_WITH_KEY, {"tenant": tenant, "key": key})
    return EarlierSend(rows[0]["id"], rows[0]["template"]) if rows else None


@dataclass(frozen=True, slots=True)
class Counted:
    """All that bulk sends of a tenant have ever queued; and its plan with the day from which its months count."""

    queued: int
    plan: str


_PLAN = "(select plan || ' ' || anchor from tenant_plans where tenant = %(tenant)s) as plan"

COUNT_QUEUED = f"""
insert into bulk_counts as c (tenant, queued) values (%(tenant)s, %(messages)s)
on conflict (tenant) do update set queued = c.queued + excluded.queued
returning queued, {_PLAN}
"""


async def count_queued(connection: Connection, tenant: str, messages: int) -> Counted:
    """Count the messages of a batch, and give what has been counted with them.

    Until the transaction ends no other batch of the tenant is counted; it goes on when it sees this one.
    """
    return Counted(**(await fetch_all(connection, COUNT_QUEUED, {"tenant": tenant, "messages": messages}))[0])


QUEUED = f"""
select coalesce((select queued from bulk_counts where tenant = %(tenant)s), 0)::bigint as queued, {_PLAN}
"""


async def read_queued(connection: Connection, tenant: str) -> Counted:
    """What has been counted."""
    return Counted(**(await fetch_all(connection, QUEUED, {"tenant": tenant}))[0])


EARLIER_MESSAGES = """
select m.id, m.created_at, m.status::text, m.position, m.dispatch is not null as dispatched,
  r.told, r.refused, r.refusals
from unnest(%(ids)s::uuid[]) as asked (id)
cross join lateral (select * from messages where tenant = %(tenant)s and id = asked.id offset 0) m
left join lateral (
  select bool_or(provider <> %(own)s) as told, bool_or(provider = %(own)s and attempt = m.attempt) as refused,
    count(distinct attempt) filter (where provider = %(own)s) as refusals
  from reports where tenant = m.tenant and message = m.id
) r on m.status >= 'expired'
"""


@dataclass(frozen=True, slots=True)
class EarlierMessage:
    """What is known of a message of an earlier send with the key.

    created_at: the moment of the send that made it.
    status, position: how far it is, and at which channel of its route.
    dispatched: its last attempt was given to a provider, or was about to be.
    told: a provider has said something of it.
    refused: its last attempt we refused ourselves, before any provider was asked.
    refusals: so many of its attempts we refused.
    """

    id: UUID
    created_at: dt.datetime
    status: Status
    position: int
    dispatched: bool
    told: bool
    refused: bool
    refusals: int


async def earlier_messages(connection: Connection, tenant: str, ids: Sequence[UUID]) -> dict[UUID, EarlierMessage]:
    """By id, those of some messages that exist. What was said of one is looked up when it has ended."""
    parameters = {"tenant": tenant, "ids": list(ids), "own": OURSELVES}
    return {
        row["id"]: EarlierMessage(
            row["id"],
            row["created_at"],
            Status(row["status"]),
            row["position"],
            row["dispatched"],
            told=row["told"] or False,
            refused=row["refused"] or False,
            refusals=row["refusals"] or 0,
        )
        for row in await fetch_all(connection, EARLIER_MESSAGES, parameters)
    }


READINESS = """
select c.balance - c.held as available, c.wait_for_credit, v.approval, b.name as business, v.content,
  array(
    select jsonb_build_object(
      'sender', a.sender, 'kakao_channel', a.kakao_channel, 'carries', a.carries, 'paused', a.paused_at is not null,
      'certificate_until', a.certificate_until, 'verified', exists (
        select from sender_numbers n where n.tenant = a.tenant and n.number = a.sender and n.verified_at is not null
      )
    )
    from provider_accounts a where a.tenant = c.tenant and a.active order by a.place, a.created_at, a.id
  ) as carriers
from credit_accounts c
join tenants b on b.id = c.tenant
left join templates t on t.tenant = c.tenant and t.name = %(template)s
left join template_versions v on v.tenant = t.tenant and v.name = t.name and v.version = t.active_version
where c.tenant = %(tenant)s
"""


@dataclass(frozen=True, slots=True)
class Readiness:
    """What a tenant has to send with. `carriers` are its active accounts; `approval` is None where there is no such
    template. `business` is the tenant's name; `content` has the template's words.
    """

    available: Decimal
    wait_for_credit: bool
    carriers: Sequence[Carrier]
    approval: str | None
    business: str
    content: TemplateContent | None

    @property
    def has_alimtalk(self) -> bool:
        return self.content is not None and self.content.alimtalk is not None


async def read_readiness(connection: Connection, tenant: str, template: str) -> Readiness | None:
    """What a tenant has to send a template with, or None where there is no such tenant."""
    rows = await fetch_all(connection, READINESS, {"tenant": tenant, "template": template})
    if not rows:
        return None
    written = rows[0]["content"]
    content = written and TemplateContent.model_validate(written)
    carriers = [
        Carrier(**{**each, "certificate_until": _day(each["certificate_until"])}) for each in rows[0]["carriers"]
    ]
    return Readiness(**{**rows[0], "content": content, "carriers": carriers})


def _day(written: str | None) -> dt.date | None:
    return None if written is None else dt.date.fromisoformat(written)

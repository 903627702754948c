"""SQL of bulk sends, as role `allim_api` inside one tenant. One function a statement; nothing here decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from shared.platform.database import Connection, fetch_all
from shared.templates.template import TemplateContent
from shared.tenants.store import sending_account

ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtextextended('bulk/' || %(tenant)s, 0))"


async def wait_for_turn(connection: Connection, tenant: str) -> None:
    """Let no other bulk send of the tenant go on until the transaction ends: two with one key must not cross."""
    await fetch_all(connection, ONE_AT_A_TIME, {"tenant": tenant})


SENT_WITH_KEY = """
select id, template from messages where tenant = %(tenant)s and workflow is null and run_key = %(key)s limit 1
"""


@dataclass(frozen=True, slots=True)
class EarlierSend:
    """Some message of a send, and its template."""

    message: UUID
    template: str


async def sent_with_key(connection: Connection, tenant: str, key: str) -> EarlierSend | None:
    """The send that had the key before. (Found by the index `messages_of_run`.)"""
    rows = await fetch_all(connection, SENT_WITH_KEY, {"tenant": tenant, "key": key})
    return EarlierSend(rows[0]["id"], rows[0]["template"]) if rows else None


KNOWN_MESSAGES = "select id from messages where tenant = %(tenant)s and id = any(%(ids)s)"


async def known_messages(connection: Connection, tenant: str, ids: Sequence[UUID]) -> set[UUID]:
    """Those of some messages that exist."""
    rows = await fetch_all(connection, KNOWN_MESSAGES, {"tenant": tenant, "ids": list(ids)})
    return {row["id"] for row in rows}


READINESS = f"""
select c.balance - c.held as available, c.wait_for_credit, p.sender, p.kakao_channel, v.approval,
  b.name as business, v.content
from credit_accounts c
join tenants b on b.id = c.tenant
left join lateral ({sending_account("c.tenant")}) p on true
left join templates t on t.tenant = c.tenant and t.name = %(template)s
left join template_versions v on v.tenant = t.tenant and v.name = t.name and v.version = t.active_version
where c.tenant = %(tenant)s
"""


@dataclass(frozen=True, slots=True)
class Readiness:
    """What a tenant has to send with. `sender` is None without an active provider account, `approval` where there is no
    such template. `business` is the tenant's name; `content` has the template's words.
    """

    available: Decimal
    wait_for_credit: bool
    sender: str | None
    kakao_channel: str | None
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
    return Readiness(**{**rows[0], "content": written and TemplateContent.model_validate(written)})

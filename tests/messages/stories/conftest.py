"""A tenant whose events become messages, and a provider that says what a test makes it say."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest

from shared.contracts import Outcome, ProviderReport, SendTicket, SubscriptionEvent
from shared.messages.dispatch.store import decide_claims, mark_prepared, mark_sent
from shared.messages.reports.reporting import Reports, Told
from shared.messages.stories.stories import MessageView, Story, list_messages, story
from shared.platform.database import Database
from shared.platform.ids import new_id
from shared.platform.pubsub import Outgoing
from shared.templates.store import save_template
from shared.templates.template import TemplateContent
from shared.tenants.store import save_tenant
from shared.workflows.definition import WorkflowDefinition
from shared.workflows.events.intake import EventIntake
from shared.workflows.store import save_workflow
from tests.clock import SettableClock
from tests.databases import Migrated
from tests.funds import give_credit

NOW = dt.datetime(2026, 11, 21, 1, 0, tzinfo=dt.UTC)
WELCOME = TemplateContent.model_validate(
    {
        "variables": {"이름": "customer.name"},
        "alimtalk": {"code": "KA01-welcome", "text": "#{이름}님, 환영합니다."},
        "sms": {"text": "[모아] #{이름}님 환영합니다"},
    }
)
WORKFLOW = WorkflowDefinition.model_validate({"name": "welcome", "on": "signup", "steps": [{"send": "welcome"}]})
PHONE = "010-9000-4000"


@dataclass
class Sending:
    """The engine with everything in it but a provider."""

    owner: Database
    operator: Database
    clock: SettableClock
    tickets: list[SendTicket] = field(default_factory=list)

    async def publish(self, topic: str, messages: Sequence[Outgoing]) -> None:
        self.tickets += [SendTicket.model_validate_json(message.data) for message in messages]

    async def signs_up(
        self, customer: str, *, name: str | None = "홍길동", phone: str | None = PHONE, tenant: str = "saas"
    ) -> UUID:
        """An event comes in, a second later; gives the message that it made."""
        self.clock.moment += dt.timedelta(seconds=1)
        event: dict[str, Any] = {
            "specversion": "1.0",
            "id": f"evt-{customer}",
            "source": "//shop",
            "type": "signup",
            "time": self.clock.moment,
            "tenant": tenant,
            "data": {"customer": {"id": customer, "name": name, "phone": phone}},
        }
        await EventIntake(self.owner, self, self.clock).receive(SubscriptionEvent.model_validate(event))
        (made,) = await self.list(tenant=tenant, limit=1)
        return made.id

    async def dispatch(self) -> UUID:
        """All tickets are consumed: their messages are handed to the provider. Gives the id of the call."""
        self.clock.moment += dt.timedelta(seconds=1)
        now, dispatch = self.clock.moment, new_id(self.clock.moment)
        async with self.owner.connection() as connection:
            lease = now + dt.timedelta(seconds=60)
            claimed = await decide_claims(
                connection, self.tickets, {"saas": dispatch}, topic="send-requests", now=now, lease_until=lease
            )
            await mark_prepared(connection, "saas", dispatch, batch=f"G-{dispatch}", now=now, lease_until=lease)
            accepted = [(row.id, row.leg, f"M-{row.attempt}") for row in claimed]
            await mark_sent(connection, "saas", dispatch, accepted, now=now, check_at=lease)
        self.tickets.clear()
        return dispatch

    async def report(self, message: UUID, attempt: int, channel: str, code: str, outcome: Outcome) -> None:
        """The provider says something of a message, a second later."""
        self.clock.moment += dt.timedelta(seconds=1)
        said = ProviderReport(
            message=message,
            attempt=attempt,
            channel=channel,
            provider_message_id=f"M-{attempt}",
            code=code,
            outcome=outcome,
            detail="so it is",
            at=self.clock.moment,
        )
        await Reports(self.owner, self, self.clock).record([Told("saas", "solapi", said)])

    async def story(self, message: UUID | str) -> Story:
        async with self.operator.connection() as connection:
            return await story(connection, message)

    async def list(self, **options: Any) -> list[MessageView]:
        async with self.operator.connection() as connection:
            return await list_messages(connection, **{"limit": 100, **options})


@pytest.fixture
async def sending(database: Migrated) -> AsyncIterator[Sending]:
    owner = Database(database.url, pool_size=2)
    operator = Database(database.role_url("allim_operator"), pool_size=1)
    sending = Sending(owner, operator, SettableClock(NOW))
    async with owner.transaction() as connection:
        for tenant in ("saas", "other"):
            await save_tenant(connection, tenant, tenant, now=NOW)
            await give_credit(connection, tenant)
            await save_template(connection, tenant, "welcome", WELCOME, "approved", now=NOW)
            await save_workflow(connection, tenant, WORKFLOW, now=NOW)
        await connection.execute(
            "insert into provider_accounts (tenant, id, provider, sender, credentials) "
            "values ('saas', 'main', 'solapi', '0212345678', '')"
        )
    yield sending
    await owner.close()
    await operator.close()

"""A tenant whose events become messages, and a provider that says what a test makes it say."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.events import SubscriptionEvent
from shared.contracts.outcomes import Outcome
from shared.contracts.reports import ProviderReport
from shared.contracts.tickets import SendTicket
from shared.messages.dispatch.store import decide_claims
from shared.messages.dispatch.submit_store import mark_prepared, mark_sent
from shared.messages.reports.reporting import Reports, Told
from shared.messages.stories.stories import MessageView, Story, list_messages, story
from shared.platform.ids import new_id
from shared.platform.pubsub import SEND_REQUESTS
from shared.workflows.events.intake import EventIntake
from tests.databases import Migrated
from tests.world import World

WELCOME = {
    "variables": {"이름": "customer.name"},
    "alimtalk": {"code": "KA01-welcome", "text": "#{이름}님, 환영합니다."},
    "sms": {"text": "[모아] #{이름}님 환영합니다"},
}
WORKFLOW = {"name": "welcome", "on": "signup", "steps": [{"send": "welcome"}]}
PHONE = "010-9000-4000"


class Sending(World):
    """The engine with everything in it but a provider."""

    @property
    def tickets(self) -> list[SendTicket]:
        """All that were published."""
        return [SendTicket.model_validate(body) for topic, body in self.publisher.published if topic == SEND_REQUESTS]

    async def signs_up(
        self, customer: str, *, name: str | None = "홍길동", phone: str | None = PHONE, tenant: str = "saas"
    ) -> UUID:
        """An event comes in, a second later; gives the message that it made."""
        self.clock.advance(1)
        event: dict[str, Any] = {
            "specversion": "1.0",
            "id": f"evt-{customer}",
            "source": "//shop",
            "type": "signup",
            "time": self.clock.moment,
            "tenant": tenant,
            "data": {"customer": {"id": customer, "name": name, "phone": phone}},
        }
        await EventIntake(self.owner, self.publisher, self.clock).receive(SubscriptionEvent.model_validate(event))
        (made,) = await self.list(tenant=tenant, limit=1)
        return made.id

    async def dispatch(self) -> UUID:
        """All tickets are consumed: their messages are handed to the provider. Gives the id of the call."""
        self.clock.advance(1)
        now, dispatch = self.clock.moment, new_id(self.clock.moment)
        async with self.owner.connection() as connection:
            lease = now + dt.timedelta(seconds=60)
            claimed = await decide_claims(
                connection, self.tickets, {"saas": dispatch}, topic=SEND_REQUESTS, now=now, lease_until=lease
            )
            await mark_prepared(connection, "saas", dispatch, batch=f"G-{dispatch}", now=now, lease_until=lease)
            accepted = [(row.id, row.leg, f"M-{row.attempt}") for row in claimed]
            await mark_sent(connection, "saas", dispatch, accepted, now=now, check_at=lease)
        self.publisher.published.clear()
        return dispatch

    async def report(self, message: UUID, attempt: int, channel: str, code: str, outcome: Outcome) -> None:
        """The provider says something of a message, a second later."""
        self.clock.advance(1)
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
        await Reports(self.owner, self.publisher, self.clock).record([Told("saas", "solapi", said)])

    async def story(self, message: UUID | str) -> Story:
        async with self.as_role("allim_operator").connection() as connection:
            return await story(connection, message)

    async def list(self, **options: Any) -> list[MessageView]:
        async with self.as_role("allim_operator").connection() as connection:
            return await list_messages(connection, **{"limit": 100, **options})


@pytest.fixture
async def sending(database: Migrated) -> AsyncIterator[Sending]:
    sending = Sending(database)
    await sending.tenant(WORKFLOW, id_="saas", templates={"welcome": WELCOME})
    await sending.tenant(WORKFLOW, id_="other", templates={"welcome": WELCOME}, account=False)
    yield sending
    await sending.close()

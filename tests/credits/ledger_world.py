"""The product's own statements, driven one step at a time against a real Postgres, on a clock that stands still."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from shared.contracts.reports import ProviderReport
from shared.contracts.tickets import SendTicket
from shared.credits.ledger.audit import Audit, audit
from shared.credits.ledger.ledger import take_back, top_up
from shared.credits.ledger.statements import Month, Statement, monthly_statement
from shared.messages.composing import NewMessage, Origin
from shared.messages.dispatch.dispatching import Dispatcher
from shared.messages.dispatch.store import Claimed, decide_claims
from shared.messages.dispatch.submit_store import mark_prepared, mark_sent
from shared.messages.reports.reporting import Reports, Told
from shared.messages.routing import Route
from shared.messages.status import Status
from shared.messages.store import queue_messages
from shared.platform.ids import derived_id, new_id
from shared.platform.pubsub import SEND_REQUESTS, Outgoing
from tests.clock import SettableClock
from tests.databases import Migrated
from tests.world import World

START = dt.datetime(2026, 1, 31, 14, 59, tzinfo=dt.UTC)
"""A minute before midnight in Seoul, at the end of a month."""

WORKFLOW = "reminders"
RUN = "the-run"


class Silence:
    """A publisher that loses every ticket."""

    async def publish(self, topic: str, messages: Sequence[Outgoing]) -> None:
        pass


class LedgerWorld(World):
    """Everything that moves money, by its business name. Tenants have a run, `RUN` of `WORKFLOW`.

    Args:
        migrated: the database.
    """

    def __init__(self, migrated: Migrated) -> None:
        super().__init__(migrated, SettableClock(START))
        self.reports = Reports(self.owner, Silence(), self.clock)
        self.dispatcher = Dispatcher(self.owner, self.clock)
        self._payments = 0

    async def add_tenant(self, tenant: str, *, credit: int = 0, account: bool = True) -> str:
        await self.tenant(id_=tenant, templates={}, account=account, credit=0)
        self.rows(
            "insert into runs (tenant, workflow, key, version) values (%s, %s, %s, 1)",
            tenant,
            WORKFLOW,
            RUN,
        )
        if credit:
            await self.top_up(tenant, credit)
        return tenant

    async def top_up(self, tenant: str, amount: int, *, key: str | None = None) -> bool:
        async with self.owner.transaction() as connection:
            return await top_up(
                connection, tenant, Decimal(amount), key=key or self._payment(), reference="test", now=self.clock.now()
            )

    async def take_back(self, tenant: str, amount: int, *, key: str | None = None) -> bool:
        async with self.owner.transaction() as connection:
            return await take_back(
                connection, tenant, Decimal(amount), key=key or self._payment(), reference="test", now=self.clock.now()
            )

    def _payment(self) -> str:
        self._payments += 1
        return f"payment-{self._payments}"

    def set_price(self, tenant: str, channel: str, price: Decimal) -> None:
        self.rows(
            "insert into prices (tenant, channel, valid_from, price)"
            " values (%(tenant)s, %(channel)s, %(now)s, %(price)s)"
            " on conflict (tenant, channel, valid_from) do update set price = excluded.price",
            tenant=tenant,
            channel=channel,
            price=price,
            now=self.clock.now(),
        )

    async def queue(
        self,
        tenant: str,
        count: int,
        *,
        channels: Sequence[str] = ("sms",),
        lives: dt.timedelta = dt.timedelta(hours=1),
        of_run: bool = False,
        origin: Origin | None = None,
    ) -> SendTicket:
        """Messages that wait to be sent within `lives`; `of_run` ties them to the tenant's run as it is now, `origin`
        to something else than the workflow.

        Their ids are in the order of their making, so that a random day goes the same way when it is replayed.
        """
        self.clock.advance(1)
        now = self.clock.now()
        origin = origin or Origin(workflow=WORKFLOW)
        if of_run:
            [run] = self.rows("select revision from runs where tenant = %(tenant)s", tenant=tenant)
            origin = Origin(workflow=WORKFLOW, workflow_version=1, run_key=RUN, run_revision=run["revision"])
        messages = [
            NewMessage(
                tenant=tenant,
                id=derived_id(now + dt.timedelta(milliseconds=number), tenant),
                customer="somebody",
                recipient="01090004000",
                template="hello",
                template_version=1,
                variables={},
                route=Route(tuple(channels), (60,) * len(channels)),
                status=Status.QUEUED,
                reason=None,
                detail=None,
                due_at=now,
                expires_at=now + lives,
                created_at=now,
                origin=origin,
            )
            for number in range(count)
        ]
        ticket = SendTicket(id=new_id(now), tenant=tenant, messages=tuple(message.id for message in messages))
        async with self.owner.transaction() as connection:
            await queue_messages(
                connection, messages, [ticket], topics={tenant: SEND_REQUESTS}, now=now, publish_at=now
            )
        return ticket

    def move_run(self, tenant: str) -> None:
        self.rows("update runs set revision = revision + 1 where tenant = %(tenant)s", tenant=tenant)

    async def claim(self, *tickets: SendTicket) -> list[Claimed]:
        now = self.clock.now()
        dispatches = {tenant: new_id(now) for tenant in sorted({ticket.tenant for ticket in tickets})}
        async with self.owner.connection() as connection:
            return await decide_claims(
                connection,
                tickets,
                dispatches,
                topic=SEND_REQUESTS,
                now=now,
                lease_until=now + dt.timedelta(minutes=1),
            )

    def ticket(self, tenant: str, messages: Sequence[UUID]) -> SendTicket:
        """A ticket that names messages again, as the tick makes them."""
        return SendTicket(id=new_id(self.clock.now()), tenant=tenant, messages=tuple(messages))

    async def send(self, tenant: str, dispatch: UUID, channels: Mapping[UUID, str]) -> None:
        """Prepare a dispatch, if it is not yet, and record that its messages were sent on their channels."""
        now = self.clock.now()
        async with self.owner.connection() as connection:
            await mark_prepared(connection, tenant, dispatch, batch=str(dispatch), now=now, lease_until=now)
            accepted = [(message, channel, f"provider-{message}") for message, channel in channels.items()]
            await mark_sent(connection, tenant, dispatch, accepted, now=now, check_at=now)

    async def abandon(self, tenant: str, dispatch: UUID) -> None:
        await self.dispatcher.abandon(tenant, dispatch, "open", "the provider is away")

    async def report(self, tenant: str, *reports: ProviderReport) -> None:
        await self.reports.record([Told(tenant, "solapi", report) for report in reports])

    def message(self, tenant: str, id_: UUID) -> dict[str, Any]:
        [row] = self.rows(MESSAGES + " and id = %(id)s", tenant=tenant, id=id_)
        return row

    def messages_by_id(self, tenant: str) -> dict[UUID, dict[str, Any]]:
        return {row["id"]: row for row in self.rows(MESSAGES, tenant=tenant)}

    def account(self, tenant: str) -> tuple[Decimal | int, Decimal | int]:
        """The balance and what is held."""
        [row] = self.rows("select balance, held from credit_accounts where tenant = %(tenant)s", tenant=tenant)
        return row["balance"], row["held"]

    async def statement(self, tenant: str, month: str) -> Statement:
        async with self.owner.transaction() as connection:
            return await monthly_statement(connection, tenant, Month.parse(month))

    async def audit(self) -> Audit:
        return await audit(self.owner)


MESSAGES = """
select id, status::text, reason, attempt, position, tries, channel, hold, held, settlement, price, dispatch
from messages where tenant = %(tenant)s"""


def said(
    message: UUID, outcome: str, *, attempt: int = 0, channel: str = "sms", code: str | None = None
) -> ProviderReport:
    """A provider's word on an attempt."""
    return ProviderReport.model_validate(
        {
            "message": message,
            "attempt": attempt,
            "channel": channel,
            "provider_message_id": "",
            "code": code or outcome,
            "outcome": outcome,
        }
    )


def adds_up(statement: Statement) -> bool:
    """Whether the lines explain the two balances, and the sums are those of the lines."""
    moved = statement.topups - statement.refunds + statement.adjustments - statement.charged
    return statement.opening + moved == statement.closing and sum(
        charge.won for charge in statement.charges
    ) == statement.charged == sum(u.won for u in statement.usage)

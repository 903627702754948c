"""Writing a bulk send: each batch is a short transaction of its own, and one that fails is tried again.

Nothing slow happens while a batch is open: its rows are planned before it begins, and its tickets are published when it
is over. All who write in bulk take their locks in one order: messages by id, the tenant's count, customers by id.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

from shared.campaigns.batches import Sorted, at, sort_out, unasked
from shared.campaigns.errors import BrokenOffError
from shared.campaigns.plan import Bulk, PlannedMessage, PlannedRow, Tally
from shared.campaigns.store import Counted, count_queued
from shared.contracts.tickets import SendTicket
from shared.credits.plans.quota import read_quota
from shared.customers.store import save_customers
from shared.messages.composing import NewMessage
from shared.messages.outbox import PATIENCE, cut_tickets, publish_tickets
from shared.messages.routes.cheapest import CheapestRoutes
from shared.messages.status import Status
from shared.messages.store import queue_alike, queue_tickets
from shared.platform.clock import Clock
from shared.platform.database import Connection, Database
from shared.platform.database.again import until_it_passes
from shared.platform.pubsub import BULK_SEND_REQUESTS, Publisher

TICKET_SPACING = dt.timedelta(seconds=0.1)
"""How much longer each ticket of a send may wait than the one before it, until the tick takes it for lost: 500 messages
leave in about that time. Should they leave more slowly, a ticket comes twice; were it longer, the last of two thousand
that were lost would wait for a quarter of an hour."""


class BatchWriter:
    """Writes the batches of one send.

    Args:
        database: as role `allim_api`.
        publisher: for the tickets. Should it fail, the tick publishes them.
        clock: the time.
        bulk: what the messages have in common.
        key: of the send.
        again: a send with the key began before.
        counted: of the tenant's bulk messages before it.
        left: of the quota then. For so many more, of whichever send, and with the same plan it is not asked for again.
    """

    def __init__(
        self,
        database: Database,
        publisher: Publisher,
        clock: Clock,
        bulk: Bulk,
        key: str,
        *,
        again: bool,
        counted: Counted,
        left: int,
    ) -> None:
        self.tally = Tally(bulk)
        self.tickets = 0
        self._database = database
        self._publisher = publisher
        self._clock = clock
        self._bulk = bulk
        self._key = key
        self._again = again
        self._most, self._plan = counted.queued + left, counted.plan
        self._topics = {bulk.tenant: BULK_SEND_REQUESTS}
        self._routes = CheapestRoutes(clock)
        self._publishing: asyncio.Task[None] | None = None

    async def write(self, batch: Sequence[PlannedRow]) -> None:
        """Write a batch whole, count it, and begin to publish its tickets.

        Raises:
            BrokenOffError: `quota_exceeded`: others have used the quota meanwhile, or the plan is another one; nothing
                of the batch was written.
        """
        found, tickets = await until_it_passes(
            "a batch of a bulk send", lambda tried: self._transaction(batch, tried=tried)
        )
        found.count(self.tally)
        self.tickets += len(tickets)
        if tickets:
            await self.published()
            self._publishing = asyncio.create_task(publish_tickets(self._publisher, tickets, self._topics))

    async def published(self) -> None:
        """Wait until the tickets of all batches are published, or left to the tick."""
        if self._publishing is not None:
            await self._publishing

    async def stop(self) -> None:
        """Publish nothing more: the tick does it."""
        if self._publishing is not None:
            self._publishing.cancel()
            with suppress(asyncio.CancelledError):
                await self._publishing

    async def _transaction(self, batch: Sequence[PlannedRow], *, tried: bool) -> tuple[Sorted, list[SendTicket]]:
        found, rows = unasked(batch)
        async with self._database.transaction(tenant=self._bulk.tenant) as connection:
            await connection.hurry()
            if tried or self._again:
                await sort_out(connection, self._bulk, rows, found, ours=self._bulk.now if tried else None)
            else:
                found.fresh = rows
            await self._make(connection, found)
            ids = [row.message.id for row in found.fresh if row.message.status is Status.QUEUED]
            now = self._clock.now()
            tickets = cut_tickets(((self._bulk.tenant, id_) for id_ in ids), now)
            if tickets:
                await queue_tickets(
                    connection,
                    tickets,
                    topics=self._topics,
                    now=now,
                    publish_at=now + PATIENCE + TICKET_SPACING * self.tickets,
                    spacing=TICKET_SPACING,
                )
                await self._stay_within_the_quota(connection, len(ids))
            if found.fresh:
                told = [row.customer for row in found.fresh]
                await save_customers(connection, self._bulk.tenant, told, as_of=self._bulk.now)
        return found, tickets

    async def _make(self, connection: Connection, found: Sorted) -> None:
        """Insert the messages of the fresh rows. Of some another send with the key may have made one in between: then
        it is asked what became of that."""
        making, found.fresh = found.fresh, []
        made: list[PlannedMessage] = []
        while making:
            new = await self._queue(connection, [row.message for row in making])
            if new is None:
                made += making
                break
            made += [row for row in making if row.message.id in new]
            late = [at(self._bulk, row, 0) for row in making if row.message.id not in new]
            await sort_out(connection, self._bulk, late, found)
            making, found.fresh = found.fresh, []
        found.fresh = made

    async def _queue(self, connection: Connection, messages: Sequence[NewMessage]) -> set[UUID] | None:
        """Insert messages. Gives the ids of those that were not there yet; None: none of all was."""
        bulk = self._bulk
        decided = await self._routes.decide(connection, messages, {bulk.tenant: {bulk.template.name: bulk.template}})
        return await queue_alike(connection, decided, key=self._key)

    async def _stay_within_the_quota(self, connection: Connection, messages: int) -> None:
        tenant = self._bulk.tenant
        counted = await count_queued(connection, tenant, messages)
        if counted.queued <= self._most and counted.plan == self._plan:
            return
        quota = await read_quota(connection, tenant, self._clock.now())  # the batch is among what is used
        if (error := replace(quota, used=quota.used - messages).shortage(messages)) is not None:
            why_ko = error.detail_ko or error.detail
            raise BrokenOffError(error.code, error.detail, why_ko, key=self._key, queued=self.tally.queued)
        self._most, self._plan = counted.queued + quota.left, counted.plan

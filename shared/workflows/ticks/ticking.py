"""The tick: due steps speak.

The scheduler's shortest interval is a minute, so a tick stays for one: it takes what is due, commits, publishes, and
sleeps to the next moment. Ticks may overlap or be missed; rows are taken with `skip locked`. While more is due than a
batch takes, tenants take turns, and several batches are under way at once: one is written while the next is made.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence

from shared.customers.store import read_fellows
from shared.messages.composing import NewMessage
from shared.messages.metrics import count_queued
from shared.messages.outbox import PATIENCE, cut_tickets, publish_tickets, topics_of
from shared.messages.routes.cheapest import CheapestRoutes
from shared.messages.status import Status
from shared.messages.store import queue_messages, under_ids_of_their_own
from shared.platform.clock import Clock
from shared.platform.database import PASSING_ERRORS, Connection, Database
from shared.platform.logs import log
from shared.platform.loops.rounds import Rounds, pause_after
from shared.platform.pubsub import Publisher
from shared.platform.signals.heartbeats import leave_trace
from shared.workflows.catalog import UnreadableDefinition, catalog_cache, read_definition
from shared.workflows.definition import WorkflowDefinition
from shared.workflows.planning import speak
from shared.workflows.runs import Run
from shared.workflows.store import workflow_versions
from shared.workflows.ticks.shares import Shares
from shared.workflows.ticks.store import DueStep, due_tenants, next_due, take_oldest, take_shares

STAY = dt.timedelta(seconds=61)
"""Until the next tick has come, which is told of through Pub/Sub: a second in which nobody is there is a second for
which a reminder waits."""
LONGEST_NAP = dt.timedelta(seconds=1)
SHORTEST_NAP = dt.timedelta(milliseconds=100)
"""What becomes due meanwhile is one batch. What is due and not taken is in another tick's hands, and no reason to ask
without a pause."""
TIMERS_A_BATCH = 1_000
TIMERS_A_SHARE = 250
"""Of a tenant's timers so many at once, where others' are due too."""
BATCHES_AT_ONCE = 2
"""Each has a connection of its own."""
LOOK_AROUND_EVERY = dt.timedelta(seconds=0.25)
"""While more is due than a batch takes: who has become due meanwhile, and is next."""
LOOKING_AT_MOST = 5
"""A look takes longer the more tenants have timers, and this many times as long is none after it."""
SET_ASIDE_FOR = dt.timedelta(minutes=1)
"""A tenant whose steps can't speak, for its definition or a row of it can't be read, keeps them until then, and the
others don't wait for it."""


class Unspoken(Exception):  # noqa: N818 - it says what became of them
    """A batch that could not be made, for a reason that is one of its tenants'."""

    def __init__(self, tenants: Sequence[str]) -> None:
        super().__init__(f"steps of {len(tenants)} tenants did not speak")
        self.tenants = tenants


class Ticker:
    """Holds a tick.

    Args:
        database: for claims.
        publisher: for tickets.
        clock: the time.
        beside: goes round as long as the tick is held.
    """

    def __init__(self, database: Database, publisher: Publisher, clock: Clock, beside: Rounds | None = None) -> None:
        self.database = database
        self._publisher = publisher
        self._clock = clock
        self._beside = beside
        self._catalogs = catalog_cache()
        self._routes = CheapestRoutes(clock)
        self._definitions: dict[tuple[str, str, int], WorkflowDefinition] = {}
        self._set_aside: dict[str, dt.datetime] = {}
        self._shares = Shares(a_batch=TIMERS_A_BATCH, least=TIMERS_A_SHARE)
        self._look_at = dt.datetime.min.replace(tzinfo=dt.UTC)
        self._taking = asyncio.Lock()

    async def hold(self, stay: dt.timedelta = STAY) -> None:
        """Work for as long as a tick lasts. A dropped connection does not end it.

        Raises:
            Exception: the last error, where nothing that was tried in all that time was done.
        """
        leave_at = self._clock.now() + stay
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self._speak_until(leave_at))
            if self._beside is not None:
                loops.create_task(self._beside.hold(stay))

    async def _speak_until(self, leave_at: dt.datetime) -> None:
        seen, failures = False, 0
        failure: Exception | None = None
        while self._clock.now() < leave_at:
            try:
                await self._speak_or_set_aside()
                if not seen:  # a tick that let what was due speak once is one that works
                    await leave_trace(self.database, "tick", self._clock)
                    seen = True
                if self._shares.is_busy:
                    await self._speak_while_busy(leave_at)
                else:
                    await self._nap(leave_at)
                failures = 0
            except Exception as error:  # whatever it was, what is due then is due all the same
                failure, failures = error, failures + 1
                log("ticks").exception("steps did not speak, and are tried again")
                await self._clock.sleep(pause_after(failures).total_seconds())
        if failure is not None and not seen:
            raise failure

    async def _speak_while_busy(self, leave_at: dt.datetime) -> None:
        """Let batch after batch speak, several at once. What one raises stops none of the others."""

        async def go_on() -> None:
            while self._shares.is_busy and self._clock.now() < leave_at:
                if not await self._speak_or_set_aside():  # what is left is another's, who is not done with it
                    await self._clock.sleep(SHORTEST_NAP.total_seconds())

        for outcome in await asyncio.gather(*(go_on() for _ in range(BATCHES_AT_ONCE)), return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    def _without(self) -> list[str]:
        """The tenants that are set aside now."""
        return [tenant for tenant, until in self._set_aside.items() if self._clock.now() < until]

    def _set_tenant_aside(self, tenant: str, error: Exception) -> None:
        """Its steps stay due, and leave as soon as it is mended. The others are asked for again at once."""
        self._set_aside[tenant] = self._clock.now() + SET_ASIDE_FOR
        log("ticks").error("set aside: %s", error, extra={"fields": {"tenant": tenant}}, exc_info=error)

    async def _speak_or_set_aside(self) -> bool:
        """Let one batch speak, and say whether there was anything to speak. Where it can't, and nobody says because of
        whom, it is asked of ever fewer of its tenants at once, until those whose fault it is stand alone.

        Raises:
            Exception: nobody spoke, so it may be nobody's fault; or the database is away.
        """
        try:
            return bool(await self.speak_due())
        except UnreadableDefinition as unreadable:
            self._set_tenant_aside(unreadable.tenant, unreadable)
        except Unspoken as unspoken:
            if not await self._speak_apart(unspoken.tenants):
                raise
        return True

    async def _speak_apart(self, tenants: Sequence[str]) -> int:
        """Let due steps of some tenants speak, and set aside whose can't. Gives how many spoke."""
        if not tenants:
            return 0
        try:
            return await self.speak_due(only=tenants)
        except UnreadableDefinition as unreadable:
            self._set_tenant_aside(unreadable.tenant, unreadable)
            return await self._speak_apart([tenant for tenant in tenants if tenant != unreadable.tenant])
        except Unspoken as unspoken:  # whatever it was, it is one of these tenants' alone
            if len(tenants) == 1:
                self._set_tenant_aside(tenants[0], unspoken)
                return 0
            half = len(tenants) // 2
            return await self._speak_apart(tenants[:half]) + await self._speak_apart(tenants[half:])

    async def speak_due(self, only: Sequence[str] | None = None) -> int:
        """Let one batch of due steps speak, in one transaction. Gives how many there were.

        Args:
            only: of these tenants alone, and of each its share.

        Raises:
            UnreadableDefinition: nothing was done, because of one tenant.
            Unspoken: nothing was done, because of one of some tenants.
            One of PASSING_ERRORS: the database is away.
        """
        now = self._clock.now()
        async with self.database.transaction() as connection:
            due = await self._take(connection, now, only)
            try:
                messages = await self._messages(connection, due, now) if due else []
                messages = await under_ids_of_their_own(connection, messages)
                tickets = cut_tickets(((m.tenant, m.id) for m in messages if m.status is Status.QUEUED), now)
                topics = topics_of(tickets)
                if messages:
                    await queue_messages(
                        connection, messages, tickets, topics=topics, now=now, publish_at=now + PATIENCE
                    )
            except UnreadableDefinition:  # it says whose fault it is
                raise
            except PASSING_ERRORS:  # nobody's
                raise
            except Exception as error:
                raise Unspoken(sorted({each.run.tenant for each in due})) from error
        count_queued(messages)
        await publish_tickets(self._publisher, tickets, topics)
        if due:
            late = max(now - step.due_at for step in due).total_seconds()
            log("ticks").info("steps spoke", extra={"fields": {"steps": len(due), "latest_by_seconds": round(late, 3)}})
        return len(due)

    async def _take(self, connection: Connection, now: dt.datetime, only: Sequence[str] | None) -> list[DueStep]:
        """Take a batch: all that is due, where that is little, and else of each tenant its share, in turn."""
        shares = self._shares
        if only is not None:
            share = shares.share(len(only))
            return await take_shares(connection, now, TIMERS_A_BATCH, tenants=only, share=share)
        async with self._taking:  # a batch that is made at the same time has its turns after this one's
            if shares.is_busy and (not shares.is_known or self._clock.now() >= self._look_at):
                await self._look_around(connection)
            if not shares.is_busy:
                due = await take_oldest(connection, now, shares.least, without=self._without())
                shares.took(each.run.tenant for each in due)
            else:
                in_turn, share = shares.next()
                due = await take_shares(connection, now, TIMERS_A_BATCH, tenants=in_turn, share=share)
                shares.took_in_turn(in_turn, share, (each.run.tenant for each in due))
        return due

    async def _look_around(self, connection: Connection) -> None:
        begun = self._clock.now()
        self._shares.look(await due_tenants(connection, begun, without=self._without()))
        ended = self._clock.now()
        self._look_at = ended + max(LOOK_AROUND_EVERY, LOOKING_AT_MOST * (ended - begun))

    async def _messages(self, connection: Connection, due: Sequence[DueStep], now: dt.datetime) -> list[NewMessage]:
        catalogs = await self._catalogs.get(connection, {each.run.tenant: each.tenant_revision for each in due})
        await self._know_definitions(connection, [each.run for each in due])
        grouped = [
            (each.run.tenant, each.run.customer or "") for each in due if self._definition(each.run).audience == "group"
        ]
        fellows = await read_fellows(connection, grouped) if grouped else {}
        messages: list[NewMessage] = []
        for each in due:
            run, definition = each.run, self._definition(each.run)
            # A run is stopped by deleting its timers, in one transaction; this holds should a row ever be left behind.
            if not run.active or each.step >= len(definition.steps):
                continue
            person = each.person or {"id": run.customer}
            people = [person, *fellows.get((run.tenant, run.customer or ""), ())]
            templates = catalogs[run.tenant].templates
            messages += speak(run, definition, each.step, each.due_at, people, templates, now)
        templates_of = {tenant: catalog.templates for tenant, catalog in catalogs.items()}
        return await self._routes.decide(connection, messages, templates_of)

    async def _know_definitions(self, connection: Connection, runs: Sequence[Run]) -> None:
        """Versions never change, so what was read once is known for good."""
        wanted = {(run.tenant, run.workflow, run.version) for run in runs} - self._definitions.keys()
        if wanted:
            for stored in await workflow_versions(connection, sorted(wanted)):
                self._definitions[stored.tenant, stored.name, stored.version] = read_definition(stored)

    def _definition(self, run: Run) -> WorkflowDefinition:
        return self._definitions[run.tenant, run.workflow, run.version]

    async def _nap(self, leave_at: dt.datetime) -> None:
        async with self.database.connection() as connection:
            due_at = await next_due(connection, without=self._without())
        now = self._clock.now()
        wake_at = min(leave_at, now + LONGEST_NAP, due_at or leave_at)
        await self._clock.sleep(max(SHORTEST_NAP, wake_at - now).total_seconds())

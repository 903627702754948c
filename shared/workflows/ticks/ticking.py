"""The tick: due steps speak.

The scheduler's shortest interval is a minute, so a tick stays for one: it takes what is due, commits, publishes, and
sleeps to the next moment. Ticks may overlap or be missed; rows are taken with `skip locked`.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence

from shared.customers.store import read_fellows
from shared.messages.composing import NewMessage
from shared.messages.metrics import count_queued
from shared.messages.outbox import PATIENCE, cut_tickets, publish_tickets, topics_of
from shared.messages.status import Status
from shared.messages.store import queue_messages, under_ids_of_their_own
from shared.platform.clock import Clock
from shared.platform.database import PASSING_ERRORS, Connection, Database
from shared.platform.logs import log
from shared.platform.loops.rounds import TICK, Rounds, pause_after
from shared.platform.loops.turns import turns_after
from shared.platform.pubsub import Publisher
from shared.platform.signals.heartbeats import leave_trace
from shared.workflows.catalog import UnreadableDefinition, catalog_cache, read_definition
from shared.workflows.definition import WorkflowDefinition
from shared.workflows.planning import speak
from shared.workflows.runs import Run
from shared.workflows.store import workflow_versions
from shared.workflows.ticks.store import DueStep, due_tenants, next_due, take_due_timers

LONGEST_NAP = dt.timedelta(seconds=1)
SHORTEST_NAP = dt.timedelta(milliseconds=10)
"""What is due and not taken is in another tick's hands, and no reason to ask without a pause."""
TIMERS_A_BATCH = 1_000
SET_ASIDE_FOR = dt.timedelta(minutes=1)
"""A tenant whose steps can't speak, for its definition or a row of it can't be read, keeps them until then, and the
others don't wait for it."""

_TOLD: tuple[type[BaseException], ...] = (UnreadableDefinition, *PASSING_ERRORS)
"""Errors that say whose fault they are, or that they are nobody's."""


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
        self._definitions: dict[tuple[str, str, int], WorkflowDefinition] = {}
        self._set_aside: dict[str, dt.datetime] = {}
        self._had_their_turn: frozenset[str] = frozenset()

    async def hold(self, stay: dt.timedelta = TICK) -> None:
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
                spoke = await self._speak_or_set_aside()
                if not seen:  # a tick that let what was due speak once is one that works
                    await leave_trace(self.database, "tick", self._clock)
                    seen = True
                if spoke != TIMERS_A_BATCH and not self._had_their_turn:
                    await self._nap(leave_at)
                failures = 0
            except UnreadableDefinition as unreadable:
                self._set_tenant_aside(unreadable.tenant, unreadable)
            except Exception as error:  # whatever it was, what is due then is due all the same
                failure, failures = error, failures + 1
                log("ticks").exception("steps did not speak, and are tried again")
                await self._clock.sleep(pause_after(failures).total_seconds())
        if failure is not None and not seen:
            raise failure

    def _without(self) -> list[str]:
        """The tenants that are set aside now."""
        return [tenant for tenant, until in self._set_aside.items() if self._clock.now() < until]

    def _set_tenant_aside(self, tenant: str, error: Exception) -> None:
        """Its steps stay due, and leave as soon as it is mended. The others are asked for again at once."""
        self._set_aside[tenant] = self._clock.now() + SET_ASIDE_FOR
        log("ticks").error("set aside: %s", error, extra={"fields": {"tenant": tenant}}, exc_info=error)

    async def _speak_or_set_aside(self) -> int:
        """Let one batch speak. Where it can't, and nobody says because of whom, it is asked of ever fewer tenants at
        once, until those whose fault it is stand alone.

        Raises:
            UnreadableDefinition: as of `speak_due`.
            Exception: nobody spoke, so it may be nobody's fault; or the database is away.
        """
        try:
            return await self.speak_due()
        except _TOLD:
            raise
        except Exception:
            async with self.database.connection() as connection:
                tenants = await due_tenants(connection, self._clock.now(), TIMERS_A_BATCH, without=self._others())
            if not (spoke := await self._speak_apart(tenants)):
                raise
            return spoke

    async def _speak_apart(self, tenants: Sequence[str]) -> int:
        """Let due steps of some tenants speak, and set aside whose can't. Gives how many spoke."""
        if not tenants:
            return 0
        try:
            return await self.speak_due(only=tenants)
        except _TOLD:
            raise
        except Exception as error:  # whatever it was, it is one of these tenants' alone
            if len(tenants) == 1:
                self._set_tenant_aside(tenants[0], error)
                return 0
            half = len(tenants) // 2
            return await self._speak_apart(tenants[:half]) + await self._speak_apart(tenants[half:])

    def _others(self) -> list[str]:
        """Tenants that do not speak in this batch."""
        return [*self._without(), *self._had_their_turn]

    async def speak_due(self, only: Sequence[str] | None = None) -> int:
        """Let one batch of due steps speak, in one transaction. Gives how many there were.

        Args:
            only: of these tenants alone.

        Raises:
            UnreadableDefinition: nothing was done, because of one tenant.
        """
        now = self._clock.now()
        async with self.database.transaction() as connection:
            due = await take_due_timers(connection, now, TIMERS_A_BATCH, without=self._others(), only=only)
            messages = await self._messages(connection, due, now) if due else []
            messages = await under_ids_of_their_own(connection, messages)
            tickets = cut_tickets(((m.tenant, m.id) for m in messages if m.status is Status.QUEUED), now)
            topics = topics_of(tickets)
            if messages:
                await queue_messages(connection, messages, tickets, topics=topics, now=now, publish_at=now + PATIENCE)
        is_full = len(due) == TIMERS_A_BATCH or only is not None
        self._had_their_turn = turns_after(self._had_their_turn, (each.run.tenant for each in due), is_full=is_full)
        count_queued(messages)
        await publish_tickets(self._publisher, tickets, topics)
        if due:
            late = max(now - step.due_at for step in due).total_seconds()
            log("ticks").info("steps spoke", extra={"fields": {"steps": len(due), "latest_by_seconds": round(late, 3)}})
        return len(due)

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
        return messages

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

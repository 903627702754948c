"""Events come in: kept, matched, turned into messages and timers. Of a batch, the plain ones by one statement, and the
others in one transaction."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Sequence

from shared.contracts.events import FUTURE_TOLERANCE, SubscriptionEvent
from shared.contracts.tickets import SendTicket
from shared.customers.devices_store import decide_devices
from shared.customers.store import Person, decide_newest_words, read_fellows
from shared.customers.words import together
from shared.messages.composing import NewMessage
from shared.messages.metrics import count_queued
from shared.messages.outbox import PATIENCE, cut_tickets, publish_tickets, tickets_of, topics_of
from shared.messages.routes.cheapest import CheapestRoutes
from shared.messages.status import Status
from shared.messages.store import queue_messages, under_ids_of_their_own
from shared.platform.clock import Clock
from shared.platform.database import PASSING_ERRORS, Connection, Database
from shared.platform.loops.lanes import Lanes
from shared.platform.pubsub import Publisher
from shared.platform.signals.dead_letters import DeadLetter, Poison, keep_dead_letters
from shared.workflows.catalog import catalog_cache
from shared.workflows.events.plain import happening_of, plan_plain, telling_of
from shared.workflows.events.plain_store import PlainEvent, Taken, take_plain_events_and_decide_fresh
from shared.workflows.events.store import Received, keep_outcomes, receive_events_and_decide_fresh, save_runs
from shared.workflows.planning import Plan, react, run_keys
from shared.workflows.store import lock_runs, read_runs

MAX_EVENTS_A_BATCH = 500
CROWD_OF_EVENTS = 10
"""So many events of one tenant under way at once, on an instance, are few still: a quarter of the pushes that it gets
(infra/terraform/functions.tf)."""

SOURCE = "on_subscription_event"


class EventIntake:
    """Takes events in. Those that arrive together become one batch.

    Args:
        database: for the transaction.
        publisher: for the tickets.
        clock: the time.
    """

    def __init__(self, database: Database, publisher: Publisher, clock: Clock) -> None:
        self.database = database
        self._publisher = publisher
        self._clock = clock
        self._catalogs = catalog_cache()
        self._routes = CheapestRoutes(clock)
        self._events: Lanes[SubscriptionEvent, Poison | None] = Lanes(
            self.take,
            whose=lambda event: event.tenant,
            weigh=lambda _: 1,
            crowd=CROWD_OF_EVENTS,
            max_weight=MAX_EVENTS_A_BATCH,
            max_running=2,
            may_pass=PASSING_ERRORS,
        )

    async def receive(self, event: SubscriptionEvent) -> None:
        """Take one event; a repeated one does nothing.

        Raises:
            Poison: `unknown_tenant`, `future_time` or `conflicting_event`.
        """
        if event.time > self._clock.now() + FUTURE_TOLERANCE:
            raise Poison("future_time", f"{event.time.isoformat()} is over an hour ahead", tenant=event.tenant)
        if poison := await self._events.submit(event):
            raise poison

    async def take(self, events: Sequence[SubscriptionEvent]) -> list[Poison | None]:
        """Take a batch. Gives for each event None, or why it can't be taken."""
        now = self._clock.now()
        found: dict[int, Received | Taken] = {}
        plain, messages = plan_plain(events, self._catalogs, now)
        if plain:
            taken = await self._take_plain(list(plain.values()), messages, now)
            found |= {place: one for place, one in zip(plain, taken, strict=True) if not one.open}
        others = [place for place in range(len(events)) if place not in found]
        if others:
            received = await self._take_others([events[place] for place in others], now)
            found |= zip(others, received, strict=True)
        return [_refusal(event, found[place]) for place, event in enumerate(events)]

    async def _take_plain(
        self, plain: Sequence[PlainEvent], messages: Sequence[NewMessage], now: dt.datetime
    ) -> list[Taken]:
        tickets = _tickets(messages, now)
        topics = topics_of(tickets)
        async with self.database.connection() as connection:
            taken = await take_plain_events_and_decide_fresh(
                connection, plain, messages, tickets, topics=topics, now=now, publish_at=now + PATIENCE
            )
        if not all(one.fresh for one in taken):
            fresh = {_key(one.event) for one, became in zip(plain, taken, strict=True) if became.fresh}
            messages = [message for message in messages if _event_of(message) in fresh]
            tickets = tickets_of(tickets, {(message.tenant, message.id) for message in messages})
        count_queued(messages)
        await publish_tickets(self._publisher, tickets, topics)
        return taken

    async def _take_others(self, events: Sequence[SubscriptionEvent], now: dt.datetime) -> list[Received]:
        plan = Plan()
        async with self.database.transaction() as connection:
            received = await receive_events_and_decide_fresh(connection, events, now)
            revisions = {one.tenant: one.revision for one in received if one.revision is not None}
            catalogs = await self._catalogs.get(connection, revisions)
            fresh_events = [event for event, one in zip(events, received, strict=True) if one.fresh]
            people = await _people(connection, fresh_events, now)
            fresh = [
                (happening_of(event, person), catalogs[event.tenant].workflows_for(event.type))
                for event, person in zip(fresh_events, people, strict=True)
            ]
            keys = [key for happening, workflows in fresh for key in run_keys(happening, workflows)]
            stored = {}
            if keys:
                await lock_runs(connection, keys)
                stored = await read_runs(connection, keys)
            grouped = [
                (happening.tenant, happening.customer)
                for happening, workflows in fresh
                if any(workflow.definition.audience == "group" for workflow in workflows)
            ]
            fellows = await read_fellows(connection, grouped) if grouped else {}
            suspended = {one.tenant for one in received if one.suspended}
            for happening, workflows in fresh:
                tenant = happening.tenant
                templates = catalogs[tenant].templates
                react(plan, happening, workflows, templates, stored, fellows, now, suspended=tenant in suspended)
            if plan.runs:
                await save_runs(connection, plan, now)
            elif plan.outcomes:
                await keep_outcomes(connection, plan)
            words = {tenant: catalog.templates for tenant, catalog in catalogs.items()}
            plan.messages = await self._routes.decide(connection, plan.messages, words)
            plan.messages = await under_ids_of_their_own(connection, plan.messages)
            tickets = _tickets(plan.messages, now)
            topics = topics_of(tickets)
            if plan.messages:
                await queue_messages(
                    connection, plan.messages, tickets, topics=topics, now=now, publish_at=now + PATIENCE
                )
            await keep_dead_letters(connection, _bad_anchors(plan, fresh_events), now)
        count_queued(plan.messages)
        await publish_tickets(self._publisher, tickets, topics)
        return received


def _tickets(messages: Sequence[NewMessage], now: dt.datetime) -> list[SendTicket]:
    queued = ((message.tenant, message.id) for message in messages if message.status is Status.QUEUED)
    return cut_tickets(queued, now)


def _key(event: SubscriptionEvent) -> tuple[str, str | None, str | None]:
    return event.tenant, event.source, event.id


def _event_of(message: NewMessage) -> tuple[str, str | None, str | None]:
    return message.tenant, message.origin.event_source, message.origin.event_id


async def _people(connection: Connection, events: Sequence[SubscriptionEvent], now: dt.datetime) -> list[Person]:
    """The customer of each event, by its own words, and else by what is known when it has been heard.

    Events are heard in the order of their times; those of one customer one after the other.
    """
    people: dict[int, Person] = {}
    rounds: dict[int, list[int]] = defaultdict(list)
    heard: Counter[tuple[str, str]] = Counter()
    for place in sorted(range(len(events)), key=lambda place: events[place].time):
        who = events[place].tenant, events[place].customer.id
        rounds[heard[who]].append(place)
        heard[who] += 1
    for places in rounds.values():
        tellings = [telling_of(events[place], now) for place in places]
        known = await decide_newest_words(connection, tellings)
        await decide_devices(connection, tellings)
        for place, telling in zip(places, tellings, strict=True):
            people[place] = together(known[telling.tenant, telling.customer], telling.told)
    return [people[place] for place in range(len(events))]


def _refusal(event: SubscriptionEvent, received: Received | Taken) -> Poison | None:
    if received.revision is None:
        return Poison("unknown_tenant", f"there is no tenant {event.tenant!r}", tenant=event.tenant)
    if received.conflicting:
        detail = f"{event.source} said something else under the id {event.id} before, and that counts"
        return Poison("conflicting_event", detail, tenant=event.tenant)
    return None


def _bad_anchors(plan: Plan, events: Sequence[SubscriptionEvent]) -> list[DeadLetter]:
    return [
        DeadLetter(
            source=SOURCE,
            reason="bad_anchor",
            detail=plan.bad_anchors[event.tenant, event.source, event.id],
            body=event.model_dump_json().encode(),
            tenant=event.tenant,
        )
        for event in events
        if (event.tenant, event.source, event.id) in plan.bad_anchors
    ]

"""Events come in: kept, matched, turned into messages and timers, all in one transaction a batch."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Sequence

from shared.contracts.events import FUTURE_TOLERANCE, SubscriptionEvent
from shared.customers.store import Person, decide_newest_words, read_fellows
from shared.customers.words import Telling, together
from shared.messages.metrics import count_queued
from shared.messages.outbox import PATIENCE, cut_tickets, publish_tickets, topics_of
from shared.messages.status import Status
from shared.messages.store import queue_messages, under_ids_of_their_own
from shared.platform.clock import Clock
from shared.platform.database import PASSING_ERRORS, Connection, Database
from shared.platform.loops.lanes import Lanes
from shared.platform.pubsub import Publisher
from shared.platform.signals.dead_letters import DeadLetter, Poison, keep_dead_letters
from shared.workflows.catalog import catalog_cache
from shared.workflows.events.store import Received, keep_outcomes, receive_events_and_decide_fresh, save_runs
from shared.workflows.planning import Plan, react, run_keys
from shared.workflows.runs import Happening
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
        plan = Plan()
        async with self.database.transaction() as connection:
            received = await receive_events_and_decide_fresh(connection, events, now)
            revisions = {one.tenant: one.revision for one in received if one.revision is not None}
            catalogs = await self._catalogs.get(connection, revisions)
            fresh_events = [event for event, one in zip(events, received, strict=True) if one.fresh]
            people = await _people(connection, fresh_events, now)
            fresh = [
                (_happening(event, person), catalogs[event.tenant].workflows_for(event.type))
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
            plan.messages = await under_ids_of_their_own(connection, plan.messages)
            tickets = cut_tickets(
                ((message.tenant, message.id) for message in plan.messages if message.status is Status.QUEUED), now
            )
            topics = topics_of(tickets)
            if plan.messages:
                await queue_messages(
                    connection, plan.messages, tickets, topics=topics, now=now, publish_at=now + PATIENCE
                )
            await keep_dead_letters(connection, _bad_anchors(plan, fresh_events), now)
        count_queued(plan.messages)
        await publish_tickets(self._publisher, tickets, topics)
        return [_refusal(event, one) for event, one in zip(events, received, strict=True)]


async def _people(connection: Connection, events: Sequence[SubscriptionEvent], now: dt.datetime) -> list[Person]:
    """The customer of each event, by its own words, and else by what is known when it has been heard.

    Events are heard in the order of their times; those of one customer one after the other. By a clock that is ahead
    nothing is told later than it is heard, or it would outdo what is told until then.
    """
    people: dict[int, Person] = {}
    rounds: dict[int, list[int]] = defaultdict(list)
    heard: Counter[tuple[str, str]] = Counter()
    for place in sorted(range(len(events)), key=lambda place: events[place].time):
        who = events[place].tenant, events[place].customer.id
        rounds[heard[who]].append(place)
        heard[who] += 1
    for places in rounds.values():
        tellings = [
            Telling(event.tenant, event.customer.id, min(event.time, now), event.customer.told)
            for event in (events[place] for place in places)
        ]
        known = await decide_newest_words(connection, tellings)
        for place, telling in zip(places, tellings, strict=True):
            people[place] = together(known[telling.tenant, telling.customer], telling.told)
    return [people[place] for place in range(len(events))]


def _happening(event: SubscriptionEvent, person: Person) -> Happening:
    return Happening(
        tenant=event.tenant,
        source=event.source,
        id=event.id,
        type=event.type,
        time=event.time_utc,
        customer=event.customer.id,
        scope={"customer": person, "data": event.fields(), "event": {"type": event.type, "subject": event.subject}},
    )


def _refusal(event: SubscriptionEvent, received: Received) -> Poison | None:
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

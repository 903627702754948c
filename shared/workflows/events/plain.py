"""Plain events: those of which it is known what they come to before the database is asked anything.

An event is plain when its tenant's definitions are remembered, it speaks of no run that is kept and of nobody but its
customer, and tells all that its workflows and templates ask about that customer. Nothing can change what it comes to,
but that it was there before, or that its tenant is not as it was: the statement that writes it finds that.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import TypeVar

from shared.contracts.events import SubscriptionEvent
from shared.customers.store import Person
from shared.customers.words import Telling, Untold, own_words
from shared.messages.composing import NewMessage
from shared.platform.database.revisions import RevisionCache
from shared.workflows.catalog import Catalog
from shared.workflows.events.plain_store import PlainEvent
from shared.workflows.planning import Plan, react
from shared.workflows.runs import Happening

Key = TypeVar("Key", bound=Hashable)


def happening_of(event: SubscriptionEvent, person: Person) -> Happening:
    """An event as workflows see it; `person`: its customer."""
    return Happening(
        tenant=event.tenant,
        source=event.source,
        id=event.id,
        type=event.type,
        time=event.time_utc,
        customer=event.customer.id,
        scope={"customer": person, "data": event.fields, "event": {"type": event.type, "subject": event.subject}},
    )


def telling_of(event: SubscriptionEvent, now: dt.datetime) -> Telling:
    """What an event says of its customer. By a clock that is ahead nothing is told later than it is heard, or it would
    outdo what is told until then."""
    customer = event.customer
    return Telling(event.tenant, customer.id, min(event.time_utc, now), customer.told, devices=customer.told_devices)


def plan_plain(
    events: Sequence[SubscriptionEvent], catalogs: RevisionCache[Catalog], now: dt.datetime
) -> tuple[dict[int, PlainEvent], list[NewMessage]]:
    """The plain ones of a batch, by their places in it, and the messages that all of them make.

    Of events of one id, or about one customer, none is: they are heard one after another.
    """
    ids = [(event.tenant, event.source, event.id) for event in events]
    customers = [(event.tenant, event.data.customer.id) for event in events]
    ids_again, customers_again = _repeated(ids), _repeated(customers)
    plain: dict[int, PlainEvent] = {}
    messages: list[NewMessage] = []
    for place, (event, id_, customer) in enumerate(zip(events, ids, customers, strict=True)):
        remembered = catalogs.remembered(event.tenant)
        if remembered is None or id_ in ids_again or customer in customers_again:
            continue
        revision, catalog = remembered
        if (plan := _planned(event, catalog, now)) is None:
            continue
        outcomes = plan.outcomes.get(id_, ())
        plain[place] = PlainEvent(event, revision, telling_of(event, now), outcomes)
        messages += plan.messages
    return plain, messages


def _repeated(keys: Sequence[Key]) -> frozenset[Key]:
    if len(set(keys)) == len(keys):  # as nearly always
        return frozenset()
    return frozenset(key for key, times in Counter(keys).items() if times > 1)


def _planned(event: SubscriptionEvent, catalog: Catalog, now: dt.datetime) -> Plan | None:
    """What an event comes to; None where that depends on what is kept."""
    workflows = catalog.workflows_for(event.type)
    if event.customer.told_devices is not None:  # they are told by a statement of their own
        return None
    if any(each.definition.keeps_runs or each.definition.audience == "group" for each in workflows):
        return None
    plan = Plan()
    try:
        happening = happening_of(event, own_words(event.customer.id, event.customer.told))
        react(plan, happening, workflows, catalog.templates, {}, {}, now)
    except Untold:
        return None
    if plan.runs or plan.bad_anchors or any(message.route.cheapest for message in plan.messages):
        return None
    return plan

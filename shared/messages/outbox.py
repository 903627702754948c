"""Tickets: cutting messages into them, and publishing them once their rows are committed."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from uuid import UUID

from shared.contracts.tickets import MAX_TICKET_MESSAGES, SendTicket
from shared.platform.ids import new_id
from shared.platform.logs import log
from shared.platform.pubsub import BULK_SEND_REQUESTS, SEND_REQUESTS, Outgoing, Publisher

PATIENCE, LONGEST_PATIENCE = dt.timedelta(seconds=10), dt.timedelta(minutes=10)
"""A ticket that nobody consumed within the first of its publishing is published again, by the tick. Each time it waits
twice as long, and the second at most."""

CROWD = 100
"""So many messages of one tenant at once are single messages still. More of them are a crowd, whoever made it: a minute
of its reminders, a storm of its events, a thousand of its messages that go on to their next channel."""


def cut_tickets(messages: Iterable[tuple[str, UUID]], now: dt.datetime) -> list[SendTicket]:
    """Tickets for messages given as tenant and id: one tenant each, at most 500 messages."""
    by_tenant: dict[str, list[UUID]] = defaultdict(list)
    for tenant, message in messages:
        by_tenant[tenant].append(message)
    return [
        SendTicket.model_construct(
            id=new_id(now), tenant=tenant, messages=tuple(ids[start : start + MAX_TICKET_MESSAGES])
        )
        for tenant, ids in by_tenant.items()
        for start in range(0, len(ids), MAX_TICKET_MESSAGES)
    ]


def tickets_of(tickets: Iterable[SendTicket], made: Container[tuple[str, UUID]]) -> list[SendTicket]:
    """Tickets with those of their messages alone that were made, given as tenant and id; none without any."""
    kept = (
        (ticket, tuple(message for message in ticket.messages if (ticket.tenant, message) in made))
        for ticket in tickets
    )
    return [ticket.model_copy(update={"messages": messages}) for ticket, messages in kept if messages]


def topics_of(tickets: Iterable[SendTicket]) -> dict[str, str]:
    """By tenant, the topic of tickets that were cut at once: a crowd's never stand before another tenant's few."""
    messages: Counter[str] = Counter()
    for ticket in tickets:
        messages[ticket.tenant] += len(ticket.messages)
    return {tenant: BULK_SEND_REQUESTS if count > CROWD else SEND_REQUESTS for tenant, count in messages.items()}


async def publish_tickets(publisher: Publisher, tickets: Sequence[SendTicket], topics: Mapping[str, str]) -> None:
    """Publish tickets whose rows are committed, each to its tenant's topic. See `publish_committed`."""
    await publish_committed(
        publisher,
        ((topics[ticket.tenant], Outgoing(ticket.model_dump_json(exclude_none=True).encode())) for ticket in tickets),
    )


async def publish_committed(publisher: Publisher, tickets: Iterable[tuple[str, Outgoing]]) -> None:
    """Publish what is in the outbox, each to its topic.

    A failure is not the caller's: the rows are safe, and the tick publishes them again.
    """
    by_topic: dict[str, list[Outgoing]] = defaultdict(list)
    for topic, ticket in tickets:
        by_topic[topic].append(ticket)
    for topic, outgoing in by_topic.items():
        try:
            await publisher.publish(topic, outgoing)
        except Exception:  # Pub/Sub's client has no common base for what may go wrong
            log("tickets").exception("could not publish, the tick will", extra={"fields": {"tickets": len(outgoing)}})

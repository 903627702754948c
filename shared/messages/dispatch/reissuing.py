"""Tickets that nobody consumed are published again."""

from __future__ import annotations

from collections import Counter

import orjson

from shared.messages.dispatch.sweep_store import decide_tickets_again
from shared.messages.outbox import LONGEST_PATIENCE, PATIENCE, publish_committed
from shared.platform.clock import Clock
from shared.platform.database import Database
from shared.platform.logs import log
from shared.platform.pubsub import Outgoing, Publisher

TICKETS_AT_A_TIME = 500


async def reissue(database: Database, publisher: Publisher, clock: Clock) -> None:
    """Publish again the tickets that nobody consumed. One that was merely slow is consumed once all the same."""
    now = clock.now()
    async with database.connection() as connection:
        tickets = await decide_tickets_again(
            connection, now=now, patience=PATIENCE, longest=LONGEST_PATIENCE, limit=TICKETS_AT_A_TIME
        )
    for topic, count in Counter(ticket.topic for ticket in tickets).items():
        log("tickets").info("tickets published again", extra={"fields": {"topic": topic, "tickets": count}})
    await publish_committed(publisher, ((ticket.topic, Outgoing(orjson.dumps(ticket.body))) for ticket in tickets))

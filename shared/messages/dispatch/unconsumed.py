"""Tickets that nobody consumes for long: their messages end all the same when their moment is over."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from shared.contracts import SendTicket
from shared.messages.dispatch.store import decide_claims
from shared.messages.dispatch.sweep_store import UnconsumedTicket, still_waiting
from shared.platform.database import Connection
from shared.platform.ids import new_id
from shared.platform.pubsub import SEND_REQUESTS

UNCONSUMED_AFTER = 5
"""Publishings by the tick in vain, ten minutes in all: until then whoever consumes tickets is merely slow."""


async def end_overdue(
    connection: Connection, tickets: Sequence[UnconsumedTicket], *, now: dt.datetime, lease: dt.timedelta
) -> None:
    """End the messages of tickets whose moment is over. The claim decides how, and nothing of them is sent.

    Args:
        connection: in autocommit.
        tickets: that are published again; those which were not published in vain for long are left alone.
        now: the moment.
        lease: of a claim.
    """
    old = [
        SendTicket.model_validate(ticket.body)
        for ticket in tickets
        if ticket.topic == SEND_REQUESTS and ticket.attempts >= UNCONSUMED_AFTER
    ]
    if not old:
        return
    over: dict[UUID, list[UUID]] = defaultdict(list)
    waits: set[UUID] = set()
    for message in await still_waiting(connection, old, now):
        if message.over:
            over[message.ticket].append(message.id)
        else:
            waits.add(message.ticket)
    # A ticket of which something still waits stays: only what is over is claimed, under a name that is no ticket's.
    claims = [
        SendTicket.model_construct(
            id=new_id(now) if ticket.id in waits else ticket.id, tenant=ticket.tenant, messages=tuple(over[ticket.id])
        )
        for ticket in old
        if ticket.id in over or ticket.id not in waits
    ]
    if claims:
        dispatches = {tenant: new_id(now) for tenant in sorted({claim.tenant for claim in claims})}
        await decide_claims(connection, claims, dispatches, topic=SEND_REQUESTS, now=now, lease_until=now + lease)

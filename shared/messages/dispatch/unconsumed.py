"""Tickets that nobody consumes for long, or that wait for their account's rate for long: their messages end all the
same when their moment is over."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from shared.contracts.tickets import SendTicket
from shared.messages.dispatch.dispatching import LEASE
from shared.messages.dispatch.store import decide_claims
from shared.messages.dispatch.sweep_store import UnconsumedTicket, still_waiting, unconsumed
from shared.platform.clock import Clock
from shared.platform.database import PASSING_ERRORS, Connection, Database
from shared.platform.ids import new_id
from shared.platform.logs import log

_BEGINNING = ("", UUID(int=0))

UNCONSUMED_AFTER = 5
"""Publishings by the tick in vain, ten minutes in all: until then whoever consumes tickets is merely slow."""

PUT_OFF_FOR = dt.timedelta(minutes=15)
"""A ticket that does not come back for longer is looked at meanwhile: for days, where a crowd is more than its account
may send. What waits for a suspended tenant comes back sooner."""

TICKETS_AT_A_TIME = 50

WORK_FOR = dt.timedelta(seconds=20)
"""After that nothing more is looked at, and the next pass goes on from there."""


class Unconsumed:
    """Goes round the tickets that nobody consumes, some at a time, and ends what is over.

    Args:
        database: for the tickets and the claims.
        clock: the time.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._after = _BEGINNING

    async def end_some(self) -> None:
        """Look at those after the last ones that were looked at; after the last of all, at the first again.

        Raises:
            One of PASSING_ERRORS: the database is away. What was under way is looked at in the next round.
        """
        leave_at = self._clock.now() + WORK_FOR
        while True:
            now = self._clock.now()
            async with self._database.connection() as connection:
                tickets = await unconsumed(
                    connection,
                    after=self._after,
                    at_least=UNCONSUMED_AFTER,
                    put_off_beyond=now + PUT_OFF_FOR,
                    limit=TICKETS_AT_A_TIME,
                )
                is_last = len(tickets) < TICKETS_AT_A_TIME
                # Whatever is raised below: the next pass goes on behind it, so that these keep nobody else waiting.
                self._after = _BEGINNING if is_last else (tickets[-1].tenant, tickets[-1].id)
                await end_overdue(connection, tickets, now=now, lease=LEASE)
            if is_last or self._clock.now() >= leave_at:
                return


async def end_overdue(
    connection: Connection, tickets: Sequence[UnconsumedTicket], *, now: dt.datetime, lease: dt.timedelta
) -> None:
    """End the messages of tickets whose moment is over. The claim decides how, and nothing of them is sent.

    A claim takes as many messages as one of theirs who send: it holds locks, and its time grows faster than its size.

    Args:
        connection: in autocommit.
        tickets: that were published in vain or are put off, for long.
        now: the moment.
        lease: of a claim.

    Raises:
        One of PASSING_ERRORS: the database is away. Any other error is its claim's alone, and written to the log.
    """
    over: dict[UUID, list[UUID]] = defaultdict(list)
    waits: set[UUID] = set()
    for message in await still_waiting(connection, tickets, now):
        if message.over:
            over[message.ticket].append(message.id)
        else:
            waits.add(message.ticket)
    # A ticket of which something still waits stays: only what is over is claimed, under a name that is no ticket's.
    for ticket in tickets:
        if ticket.id in over or ticket.id not in waits:
            id_ = new_id(now) if ticket.id in waits else ticket.id
            claim = SendTicket.model_construct(id=id_, tenant=ticket.tenant, messages=tuple(over[ticket.id]))
            try:
                await decide_claims(
                    connection,
                    [claim],
                    {claim.tenant: new_id(now)},
                    topic=ticket.topic,
                    now=now,
                    lease_until=now + lease,
                )
            except PASSING_ERRORS:
                raise
            except Exception:
                fields = {"tenant": ticket.tenant, "ticket": ticket.id}
                log("tickets").exception("what is over could not be ended", extra={"fields": fields})

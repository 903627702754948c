"""Taking the tickets of crowds in turn: whoever's ticket comes, the next one taken is that of who waited longest."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Sequence

from shared.contracts.tickets import MAX_TICKET_MESSAGES, SendTicket
from shared.messages.dispatch.fairness.turns_store import decide_turns
from shared.platform.clock import Clock
from shared.platform.database import Database

TAKEN_FOR = dt.timedelta(seconds=30)
"""How long a ticket that was taken has no other turn. It is claimed at once, so this is for an instance that ended."""

REMEMBERED = 1_000
"""Tenants whose last turn an instance knows."""


class Turns:
    """Gives each tenant with a crowd its turn.

    A ticket that comes through Pub/Sub says that there is work, not which: Pub/Sub gives them in the order in which
    they were published, and whoever published 40 would have 40 turns in a row. So many as come are taken, in all; each
    row of the outbox brought one, and where one was lost the tick publishes that row's again.

    Args:
        database: for the tickets' rows.
        clock: the time.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._served: dict[str, None] = {}

    async def instead_of(self, asked: Sequence[SendTicket]) -> AsyncIterator[Sequence[SendTicket]]:
        """Give as many tickets as came, where there are so many left, in parts that fit into a claim."""
        left = list(asked)
        while left and (taken := await self._next(left)):
            yield taken
            del left[: len(taken)]

    async def _next(self, asked: Sequence[SendTicket]) -> list[SendTicket]:
        taken = None
        while taken is None:  # others took what this one saw, so they are further on each time
            now = self._clock.now()
            async with self._database.connection() as connection:
                taken = await decide_turns(
                    connection, asked, served=[*self._served], now=now, until=now + TAKEN_FOR, most=MAX_TICKET_MESSAGES
                )
        self._remember(taken)
        return taken

    def _remember(self, taken: Sequence[SendTicket]) -> None:
        for ticket in taken:
            self._served.pop(ticket.tenant, None)
            self._served[ticket.tenant] = None
        for tenant in list(self._served)[:-REMEMBERED]:
            del self._served[tenant]

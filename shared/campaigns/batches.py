"""The rows of a file, batch by batch: planned in a thread, and told apart by what an earlier send made of them."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from shared.campaigns.plan import Bulk, PlannedMessage, PlannedRow, Tally, may_have_left, plan_row
from shared.campaigns.store import EarlierMessage, earlier_messages
from shared.customers.files.people import CustomerFile, Recipient
from shared.customers.files.problems import RowProblem
from shared.messages.status import Status
from shared.platform.database import Connection

ROWS_A_BATCH = 2_000
"""So few that whoever waits for a customer of a batch hardly notices."""


async def planned_batches(bulk: Bulk, customers: CustomerFile) -> AsyncGenerator[list[PlannedRow]]:
    """The file's rows, planned. The next batch is made in a thread while the caller works with one, and no more."""
    rows = iter(customers)
    coming = asyncio.create_task(asyncio.to_thread(_plan, bulk, rows))
    try:
        while batch := await coming:
            coming = asyncio.create_task(asyncio.to_thread(_plan, bulk, rows))
            yield batch
    finally:
        await asyncio.wait([coming])


def _plan(bulk: Bulk, rows: Iterator[Recipient | RowProblem]) -> list[PlannedRow]:
    return [plan_row(bulk, row) if isinstance(row, Recipient) else row for row in islice(rows, ROWS_A_BATCH)]


@dataclass(slots=True)
class Sorted:
    """The rows of a batch.

    fresh: they make a message now.
    made: the send made one of them before, in a try whose end it did not hear of.
    already: so many have a message of an earlier send, or of one at the same time.
    bad: they make none, or are as bad as before.
    """

    fresh: list[PlannedMessage] = field(default_factory=list)
    made: list[PlannedMessage] = field(default_factory=list)
    already: int = 0
    bad: list[PlannedRow] = field(default_factory=list)

    def count(self, tally: Tally) -> None:
        """Count them, in the order of their lines."""
        tally.skip(self.already)
        for row in sorted([*self.fresh, *self.made, *self.bad], key=lambda row: row.line):
            if isinstance(row, RowProblem):
                tally.refuse(row)
            else:
                tally.take(row)


def unasked(batch: Sequence[PlannedRow]) -> tuple[Sorted, list[PlannedMessage]]:
    """A batch of which nobody has asked yet whether there are messages: what is sorted already, and the others."""
    bad: list[PlannedRow] = [row for row in batch if isinstance(row, RowProblem)]
    return Sorted(bad=bad), [row for row in batch if isinstance(row, PlannedMessage)]


async def sort_out(
    connection: Connection,
    bulk: Bulk,
    asking: Sequence[PlannedMessage],
    found: Sorted,
    *,
    ours: dt.datetime | None = None,
) -> None:
    """Tell rows apart by what a send with the key made of them, and put each where it belongs in `found`.

    Who has a message that never left gets another, with the next id: ids that come out the same for everybody are why
    there are no two, however often and by how many it is sent.

    Args:
        connection: in the tenant's transaction.
        bulk: what the messages have in common.
        asking: rows, each with the first id that a message of its customer may have.
        found: takes them in.
        ours: the moment of this send, when it may have made messages of these rows itself.
    """
    earlier = 0
    while asking:
        known = await earlier_messages(connection, bulk.tenant, [row.message.id for row in asking])
        unheard = []
        for row in asking:
            message = known.get(row.message.id)
            if message is None:
                as_before = earlier and row.message.status is Status.FAILED
                (found.bad if as_before else found.fresh).append(row)
            elif _is_of(ours, message):
                found.made.append(row)
            elif may_have_left(message):
                found.already += 1
            else:
                unheard.append(row)
        earlier += 1
        asking = [at(bulk, row, earlier) for row in unheard]


def _is_of(moment: dt.datetime | None, message: EarlierMessage) -> bool:
    return moment is not None and message.created_at == moment


def at(bulk: Bulk, row: PlannedMessage, earlier: int) -> PlannedMessage:
    """A row with the id that its message has after so many `earlier` ones that never left."""
    return replace(row, message=row.message._replace(id=bulk.ids.after(row.message.customer, earlier)))

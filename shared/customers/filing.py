"""A business's own file of customers: a row is as old as its last change there, so that newer words stay."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from shared.customers.devices_store import decide_devices
from shared.customers.store import decide_newest_words, read_filed
from shared.customers.words import DEVICES, Telling, changed_since
from shared.platform.clock import Clock
from shared.platform.database import Connection, Database
from shared.platform.database.again import until_it_passes
from shared.platform.loops.room import Room

ROWS_A_BATCH = 2_000
"""So few that whoever waits for a customer of a batch hardly notices."""


@dataclass(frozen=True, slots=True)
class Filed:
    """How many customers are new in a file, how many others say something new, and how many rows there are."""

    added: int = 0
    changed: int = 0
    rows: int = 0

    def __add__(self, other: Filed) -> Filed:
        return Filed(self.added + other.added, self.changed + other.changed, self.rows + other.rows)


async def file_all(
    database: Database,
    tenant: str,
    customers: Iterable[Mapping[str, Any]],
    *,
    changed_at: dt.datetime,
    clock: Clock,
    keep: bool = True,
) -> Filed:
    """Take in a file, each batch in a short transaction of its own. The file is read between them, in a thread.

    Args:
        database: as a role that may write customers.
        tenant: whose.
        customers: the rows, as `file_customers` takes them.
        changed_at: when the file was changed; aware.
        clock: the time that batches take, and pauses between them where others slow them down.
        keep: False for only saying what it would come to.
    """
    rows, filed, room = iter(customers), Filed(), Room(clock)
    while batch := await asyncio.to_thread(lambda: list(islice(rows, ROWS_A_BATCH))):

        async def take(_: bool, batch: Sequence[Mapping[str, Any]] = batch) -> Filed:
            async with database.transaction() as connection:
                if not keep:
                    return _counted(await _news(connection, tenant, batch, changed_at), len(batch))
                await connection.hurry()
                return await file_customers(connection, tenant, batch, changed_at=changed_at)

        await room.make()
        begun = clock.now()
        taken = await until_it_passes("a batch of a file of customers", take)
        room.took((clock.now() - begun).total_seconds(), taken.rows, written=taken.added + taken.changed)
        filed += taken
    return filed


async def file_customers(
    connection: Connection, tenant: str, customers: Sequence[Mapping[str, Any]], *, changed_at: dt.datetime
) -> Filed:
    """Take in rows of a file. What it said before, too, is as old as it was then; what it does not say, it does not
    clear.

    Args:
        connection: in a transaction of a role that may write customers.
        tenant: whose.
        customers: `id` and those of `FIELDS`, and `devices`, for which the file has a column; None for a blank cell,
            which clears. A customer once.
        changed_at: when the file was changed; aware. A row that is not as it was the last time was changed then.
    """
    news = await _news(connection, tenant, customers, changed_at)
    await decide_newest_words(connection, [telling for telling, _ in news])
    await decide_devices(connection, [telling for telling, _ in news])
    return _counted(news, len(customers))


async def _news(
    connection: Connection, tenant: str, customers: Sequence[Mapping[str, Any]], changed_at: dt.datetime
) -> list[tuple[Telling, bool]]:
    """What the rows say that the file did not say before, each with whether the customer is new."""
    rows = {str(customer["id"]): {n: v for n, v in customer.items() if n != "id"} for customer in customers}
    filed = await read_filed(connection, tenant, list(rows))
    return [
        (_telling(tenant, id_, changed_at, changed, row), id_ not in filed)
        for id_, row in rows.items()
        if (changed := changed_since(filed.get(id_), row)) or id_ not in filed
    ]


def _telling(
    tenant: str, customer: str, changed_at: dt.datetime, changed: Mapping[str, Any], row: Mapping[str, Any]
) -> Telling:
    told = {name: value for name, value in changed.items() if name != DEVICES}
    devices = (changed[DEVICES] or ()) if DEVICES in changed else None
    return Telling(tenant, customer, changed_at, told, row, devices)


def _counted(news: Sequence[tuple[Telling, bool]], rows: int) -> Filed:
    added = sum(new for _, new in news)
    return Filed(added, len(news) - added, rows)

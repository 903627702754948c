"""A business's own file of customers: a row is as old as its last change there, so that newer words stay."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from shared.customers.store import decide_newest_words, read_filed
from shared.customers.words import Telling, changed_since
from shared.platform.database import Connection


async def file_customers(
    connection: Connection, tenant: str, customers: Sequence[Mapping[str, Any]], *, changed_at: dt.datetime
) -> int:
    """Take in a file. What it said before, too, is as old as it was then; what it does not say, it does not clear.

    Args:
        connection: in a transaction of a role that may write customers.
        tenant: whose.
        customers: `id` and those of `FIELDS` for which the file has a column; None for a blank cell, which clears. A
            customer once.
        changed_at: when the file was changed; aware. A row that is not as it was the last time was changed then.

    Returns:
        How many customers are new in it, or say something new.
    """
    rows = {str(customer["id"]): {n: v for n, v in customer.items() if n != "id"} for customer in customers}
    filed = await read_filed(connection, tenant, list(rows))
    tellings = [
        Telling(tenant, id_, changed_at, changed, row)
        for id_, row in rows.items()
        if (changed := changed_since(filed.get(id_), row)) or id_ not in filed
    ]
    await decide_newest_words(connection, tellings)
    return len(tellings)

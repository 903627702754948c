"""A tenant sends again: what waits leaves at once, not when it would have been looked at."""

from __future__ import annotations

import datetime as dt

from shared.messages.store import hasten_tickets
from shared.platform.database import Connection
from shared.tenants.suspending import resume


async def resume_sending(connection: Connection, tenant: str, *, by: str, now: dt.datetime) -> None:
    """Let a tenant send again. What its messages were for decides which of them still leave: the claim asks.

    Args:
        connection: in a transaction of the database's owner.
        tenant: its id.
        by: who does it.
        now: the moment.

    Raises:
        SuspensionError: `unknown_tenant`, `not_suspended`.
    """
    await resume(connection, tenant, by=by, now=now)
    await hasten_tickets(connection, tenant, now=now)

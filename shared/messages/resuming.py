"""A tenant sends again, or is sent for by an account again: what waits leaves at once, not when its time comes."""

from __future__ import annotations

import datetime as dt

from shared.messages.store import hasten_tickets
from shared.platform.database import Connection
from shared.tenants.lending.pausing import unpause
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


async def resume_account(connection: Connection, tenant: str, account: str, *, now: dt.datetime) -> list[str]:
    """Let messages leave by an account again, also those of whom it is lent to.

    Args:
        connection: in a transaction of the database's owner.
        tenant, account: whose it is, and its id.
        now: the moment.

    Returns:
        The tenants that send by it.

    Raises:
        PauseError: `unknown_account`, `not_paused`.
    """
    tenants = await unpause(connection, tenant, account)
    for each in tenants:
        await hasten_tickets(connection, each, now=now)
    return tenants

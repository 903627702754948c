"""A card that fills credit up when it is low: what a tenant chooses, and how it stands."""

from __future__ import annotations

import datetime as dt

from shared.credits.errors import unknown_tenant
from shared.credits.ledger.ledger import account_of, whole_won
from shared.credits.payments.cards import read_billing_key
from shared.credits.payments.errors import no_card
from shared.credits.topups.errors import cap_below_amount
from shared.credits.topups.store import Automatic, end_automatic_topup, read_automatic_topup, save_automatic_topup
from shared.platform.clock import day_of, first_moment
from shared.platform.database import Connection


async def automatic_topup(connection: Connection, tenant: str, now: dt.datetime) -> Automatic:
    """How a tenant's credit is topped up by its card.

    Raises:
        CreditError: `unknown_tenant`.
    """
    found = await read_automatic_topup(connection, tenant, now=now, since=first_moment(day_of(now)))
    if found is None:
        raise unknown_tenant(tenant)
    return found


async def set_automatic_topup(
    connection: Connection, tenant: str, *, threshold: object, amount: object, daily_cap: object
) -> None:
    """Let the registered card be charged when credit is low; what was set before, and its refusals, are forgotten.

    Args:
        connection: in a transaction.
        tenant: whose.
        threshold: whole won from 0; below it the card is charged.
        amount: whole won of a charge.
        daily_cap: whole won that a day's charges may come to, as Seoul counts days.

    Raises:
        CreditError: `unknown_tenant`, `no_card`, `bad_amount`, `cap_below_amount`.
    """
    below = whole_won(threshold, field="threshold", least=0)
    charge, cap = whole_won(amount), whole_won(daily_cap, field="daily_cap")
    if cap < charge:
        raise cap_below_amount(cap, charge)
    await account_of(connection, tenant)
    if await read_billing_key(connection, tenant) is None:
        raise no_card(tenant)
    await save_automatic_topup(connection, tenant, threshold=below, amount=charge, daily_cap=cap)


async def stop_automatic_topup(connection: Connection, tenant: str) -> None:
    """Charge the card no more. A charge that is under way comes to its end."""
    await end_automatic_topup(connection, tenant)

"""What a tenant chooses for its credit: when to be told that it is low, what then, and a card that fills it up."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from shared.credits.automatic_topup_store import (
    end_automatic_topup,
    read_automatic_topup,
    read_billing_key,
    save_automatic_topup,
)
from shared.credits.errors import unknown_tenant
from shared.credits.ledger import whole_won
from shared.credits.payments_errors import cap_below_amount
from shared.credits.plans_errors import no_card
from shared.credits.settings_store import update_account
from shared.credits.store import Account, read_accounts
from shared.platform.clock import SEOUL
from shared.platform.database import Connection


async def change_settings(
    connection: Connection, tenant: str, *, low_balance: object | None = None, wait_for_credit: bool | None = None
) -> Account:
    """Change what is named; give what holds then.

    Args:
        connection: in a transaction.
        tenant: whose.
        low_balance: whole won; below it, an alert is open. 0 for never.
        wait_for_credit: whether messages wait for credit until their moment is over, or fail at once.

    Raises:
        CreditError: `unknown_tenant`, `bad_amount`.
    """
    low = None if low_balance is None else whole_won(low_balance, field="low_balance", least=0)
    if low is not None or wait_for_credit is not None:
        await update_account(connection, tenant, low_balance=low, wait_for_credit=wait_for_credit)
    accounts = await read_accounts(connection, tenant)
    if not accounts:
        raise unknown_tenant(tenant)
    return accounts[0]


@dataclass(frozen=True, slots=True)
class Automatic:
    """A tenant's automatic top-up.

    enabled: whether it charges. It ends by itself after five refusals in a row.
    card: whether one is registered.
    threshold, amount, daily_cap: won: below the first, the second is charged, a day of Seoul the third at most. None
        where nobody has set them.
    failures: refusals in a row.
    next_try_at: when the card may be charged next; None for at once.
    charged_today: won, of Seoul's day, charges under way included.
    """

    tenant: str
    enabled: bool
    card: bool
    threshold: Decimal | None
    amount: Decimal | None
    daily_cap: Decimal | None
    failures: int
    next_try_at: dt.datetime | None
    charged_today: Decimal


async def automatic_topup(connection: Connection, tenant: str, now: dt.datetime) -> Automatic:
    """How a tenant's credit is topped up by its card.

    Raises:
        CreditError: `unknown_tenant`.
    """
    midnight = now.astimezone(SEOUL).replace(hour=0, minute=0, second=0, microsecond=0)
    row = await read_automatic_topup(connection, tenant, now=now, since=midnight)
    if row is None:
        raise unknown_tenant(tenant)
    return Automatic(**row)


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
    if not await read_accounts(connection, tenant):
        raise unknown_tenant(tenant)
    if await read_billing_key(connection, tenant) is None:
        raise no_card(tenant)
    await save_automatic_topup(connection, tenant, threshold=below, amount=charge, daily_cap=cap)


async def stop_automatic_topup(connection: Connection, tenant: str) -> None:
    """Charge the card no more. A charge that is under way comes to its end."""
    await end_automatic_topup(connection, tenant)

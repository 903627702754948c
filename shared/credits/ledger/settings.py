"""What a tenant chooses for its credit: when to be told that it is low, what then, and a card that fills it up."""

from __future__ import annotations

from shared.credits.ledger.ledger import account_of, whole_won
from shared.credits.ledger.settings_store import update_account
from shared.credits.ledger.store import Account
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
    return await account_of(connection, tenant)

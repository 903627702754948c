"""SQL of what tenants choose for their credit. One function a statement; nothing here decides."""

from __future__ import annotations

from decimal import Decimal

from shared.platform.database import Connection

UPDATE_ACCOUNT = """
update credit_accounts
set low_balance = coalesce(%(low_balance)s, low_balance), wait_for_credit = coalesce(%(wait)s, wait_for_credit)
where tenant = %(tenant)s
"""


async def update_account(
    connection: Connection, tenant: str, *, low_balance: Decimal | None, wait_for_credit: bool | None
) -> None:
    """Change an account's settings; None leaves one as it is."""
    parameters = {"tenant": tenant, "low_balance": low_balance, "wait": wait_for_credit}
    await connection.execute(UPDATE_ACCOUNT, parameters)

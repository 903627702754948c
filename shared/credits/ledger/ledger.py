"""The ledger's verbs. What sending does to it is part of the statements that claim and settle messages."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import psycopg

from shared.credits.amounts import read_decimal
from shared.credits.errors import bad_amount, bad_reference, credit_shortage, reference_used, unknown_tenant
from shared.credits.ledger.store import Account, add_entry, read_accounts, read_entry
from shared.platform.database import Connection
from shared.platform.ids import derived_id
from shared.platform.signals.alerts import resolve_alerts

MAX_AMOUNT = Decimal(1_000_000_000)
MAX_REFERENCE = 100


def whole_won(amount: object, *, field: str = "amount", least: int = 1) -> Decimal:
    """A whole number of won, from `least` up to a billion.

    Raises:
        CreditError: `bad_amount`.
    """
    won = read_decimal(amount)
    if won is None or won != won.to_integral_value() or not least <= won <= MAX_AMOUNT:
        raise bad_amount(amount, field, least=least)
    return won


async def account_of(connection: Connection, tenant: str) -> Account:
    """A tenant's account, as it stands.

    Raises:
        CreditError: `unknown_tenant`, also where the role may not see it.
    """
    found = await read_accounts(connection, tenant)
    if not found:
        raise unknown_tenant(tenant)
    return found[0]


async def top_up(
    connection: Connection, tenant: str, amount: Decimal, *, key: str, reference: str, now: dt.datetime
) -> bool:
    """Add credit that was paid for, and settle the alerts that it answers.

    Args:
        connection: in a transaction.
        tenant: whose.
        amount: whole won.
        key: names the payment; a second time with it changes nothing.
        reference: what a person would look for, such as the payment's key at Toss.
        now: the moment.

    Returns:
        Whether it was added now.

    Raises:
        CreditError: `bad_amount`, `unknown_tenant`.
    """
    won = whole_won(amount)
    await account_of(connection, tenant)
    entry = derived_id(now, tenant, "topup", key)
    added = await add_entry(connection, tenant, entry, "topup", won, key=key, reference=reference, now=now)
    if added:
        await resolve_alerts(connection, tenant, ["credit_shortage", "low_balance"], now)
    return added


async def top_up_by_hand(
    connection: Connection, tenant: str, amount: Decimal, *, reference: str, now: dt.datetime
) -> bool:
    """Add credit that an operator vouches for, such as a bank transfer.

    Args:
        connection: in a transaction.
        tenant: whose.
        amount: whole won.
        reference: names what was paid, up to 100 characters; a second time with it and the amount changes nothing.
        now: the moment.

    Returns:
        Whether it was added now.

    Raises:
        CreditError: `bad_amount`, `bad_reference`, `unknown_tenant`, or `reference_used` for another amount.
    """
    reference = reference.strip()
    if not (0 < len(reference) <= MAX_REFERENCE and reference.isprintable()):
        raise bad_reference(reference)
    key = f"manual/{reference}"
    if await top_up(connection, tenant, amount, key=key, reference=reference, now=now):
        return True
    earlier = await read_entry(connection, tenant, key)
    if earlier is not None and earlier.balance_change != amount:
        raise reference_used(reference, earlier.balance_change)
    return False


async def take_back(
    connection: Connection, tenant: str, amount: Decimal, *, key: str, reference: str, now: dt.datetime
) -> bool:
    """Take credit out again because its payment is given back. Only what is available can be.

    Raises:
        CreditError: `bad_amount`, `unknown_tenant`, `credit_shortage`.
    """
    won = whole_won(amount)
    account = await account_of(connection, tenant)
    entry = derived_id(now, tenant, "refund", key)
    try:
        async with connection.transaction():
            return await add_entry(connection, tenant, entry, "refund", -won, key=key, reference=reference, now=now)
    except psycopg.errors.CheckViolation as error:
        raise credit_shortage(won, account.available) from error


async def return_credit(
    connection: Connection, tenant: str, amount: Decimal, *, key: str, reference: str, now: dt.datetime
) -> bool:
    """Give back what `take_back` took, because its payment was not given back after all."""
    entry = derived_id(now, tenant, "adjustment", key)
    return await add_entry(connection, tenant, entry, "adjustment", amount, key=key, reference=reference, now=now)

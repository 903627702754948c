"""What a delivered message costs a tenant. A price is never changed: another one takes its place from a moment on."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from shared.credits.amounts import read_decimal
from shared.credits.ledger.ledger import account_of
from shared.credits.prices.errors import bad_day, bad_price, past_day, unknown_channel
from shared.credits.prices.store import Price, insert_price, read_default_channels, read_price_list
from shared.platform.clock import day_of, first_moment
from shared.platform.database import Connection

MAX_PRICE = Decimal(1_000_000)
HUNDREDTH = Decimal("0.01")


def price_in_won(amount: object) -> Decimal:
    """Won from 0 to a million, with two decimals at most.

    Raises:
        CreditError: `bad_price`.
    """
    won = read_decimal(amount)
    if won is None or won.is_signed() or won > MAX_PRICE or won != won.quantize(HUNDREDTH):
        raise bad_price(amount)
    return won


def begins_at(start: str | None, now: dt.datetime) -> dt.datetime:
    """When a price begins: with the day `start`, such as 2026-12-01, as Seoul counts days; `now` for today or None.

    Raises:
        CreditError: `bad_day`, or `past_day`: messages since then were charged at the price of their time.
    """
    if start is None:
        return now
    try:
        day = dt.datetime.strptime(start, "%Y-%m-%d").date()
    except ValueError as error:
        raise bad_day(start) from error
    today = day_of(now)
    if day < today:
        raise past_day(day)
    return now if day == today else first_moment(day)


async def set_price(
    connection: Connection, tenant: str, channel: str, amount: object, *, start: str | None, now: dt.datetime
) -> None:
    """Give a tenant another price. One that was to begin at the same moment is replaced.

    Args:
        connection: in a transaction.
        tenant: whose.
        channel: one that has a default price.
        amount: won a message, with two decimals at most.
        start: the day from which it holds, as Seoul counts days; None for now.
        now: the moment.

    Raises:
        CreditError: `unknown_tenant`, `unknown_channel`, `bad_price`, `bad_day`, `past_day`.
    """
    won, valid_from = price_in_won(amount), begins_at(start, now)
    await account_of(connection, tenant)
    channels = await read_default_channels(connection)
    if channel not in channels:
        raise unknown_channel(channel, channels)
    await insert_price(connection, tenant, channel, valid_from, won)


async def price_list(connection: Connection, tenant: str, now: dt.datetime) -> list[Price]:
    """A tenant's prices by channel: the one that holds, then those to come.

    Raises:
        CreditError: `unknown_tenant`.
    """
    await account_of(connection, tenant)
    return await read_price_list(connection, tenant, now)

"""Before a send: what it will cost, and whether anything stands in its way."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from shared.contracts.channels import becomes, leg_of
from shared.credits.amounts import total
from shared.credits.errors import price_missing
from shared.credits.prices.estimate_store import read_prices, read_rates
from shared.platform.database import Connection

Ways = Mapping[tuple[str, ...], int]
"""Messages counted by the channels that may carry them, in the order of their routes: `{("alimtalk", "lms"): 980}`."""

RATES_FROM = dt.timedelta(days=30)
RATES_OF_MESSAGES = 5_000
FEW = 20
"""A leg tried less often than this tells nothing: it is taken to deliver."""

_HUNDREDTH = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class ChannelEstimate:
    """A channel's part.

    messages: that leave on it first; `won`: their cost if it delivers them all.
    expected_messages, expected_won: that it will deliver, fallbacks to it included, going by recent messages.
    """

    channel: str
    price: Decimal
    messages: int
    won: Decimal
    expected_messages: int
    expected_won: Decimal


@dataclass(frozen=True, slots=True)
class Estimate:
    """What messages may cost, in won. A message costs the price of the channel that delivered it, a failed one nothing.

    at_least, at_most: as if of each message's channels the cheapest delivered, or the dearest.
    expected: as recent messages went.
    to_hold: what is held while all of them are on their way; less than that, and the last ones find no credit.
    """

    messages: int
    at_least: Decimal
    at_most: Decimal
    expected: Decimal
    to_hold: Decimal
    by_channel: tuple[ChannelEstimate, ...]


def estimate(ways: Ways, prices: Mapping[str, Decimal], rates: Mapping[str, tuple[int, int]]) -> Estimate:
    """What messages may cost.

    Args:
        ways: the messages, none of them without a channel.
        prices: won by channel; every channel of `ways` has one.
        rates: how often each leg was tried and delivered.
    """
    first: Counter[str] = Counter()
    expected: dict[str, Decimal] = {}
    for channels, count in ways.items():
        first[channels[0]] += count
        left = Decimal(count)
        for channel in channels:
            delivered = left * _rate(channel, rates)
            expected[channel] = expected.get(channel, Decimal(0)) + delivered
            left -= delivered
    by_channel = tuple(
        ChannelEstimate(
            channel=channel,
            price=prices[channel],
            messages=first[channel],
            won=prices[channel] * first[channel],
            expected_messages=int(expected[channel].to_integral_value(ROUND_HALF_UP)),
            expected_won=(prices[channel] * expected[channel]).quantize(_HUNDREDTH, ROUND_HALF_UP),
        )
        for channel in sorted(expected)
    )
    return Estimate(
        messages=sum(ways.values()),
        at_least=total(min(prices[channel] for channel in channels) * count for channels, count in ways.items()),
        at_most=total(max(prices[channel] for channel in channels) * count for channels, count in ways.items()),
        expected=total(part.expected_won for part in by_channel),
        to_hold=total(_dearest(channels, prices) * count for channels, count in ways.items()),
        by_channel=by_channel,
    )


async def estimate_for(connection: Connection, tenant: str, ways: Ways, now: dt.datetime) -> Estimate:
    """What a tenant's messages may cost at its prices, going by how its recent ones went.

    Raises:
        CreditError: `price_missing`.
    """
    prices = await read_prices(connection, tenant, now)
    if missing := unpriced(ways, prices):
        raise price_missing(missing)
    rates = await read_rates(connection, tenant, since=now - RATES_FROM, limit=RATES_OF_MESSAGES)
    return estimate(ways, prices, rates)


async def check_prices(connection: Connection, tenant: str, route: Sequence[str], now: dt.datetime) -> None:
    """Whether each channel that a route may take has a price.

    Raises:
        CreditError: `price_missing`.
    """
    if missing := unpriced({tuple(route): 1}, await read_prices(connection, tenant, now)):
        raise price_missing(missing)


def _rate(channel: str, rates: Mapping[str, tuple[int, int]]) -> Decimal:
    tried, delivered = rates.get(leg_of(channel), (0, 0))
    return Decimal(delivered) / Decimal(tried) if tried >= FEW else Decimal(1)


def _dearest(channels: Sequence[str], prices: Mapping[str, Decimal]) -> Decimal:
    """What a claim holds: a leg's dearest channel, whichever its content makes of it."""
    return max(prices[row.price] for channel in channels for row in becomes(leg_of(channel)))


def unpriced(ways: Ways, prices: Mapping[str, Decimal]) -> list[str]:
    """The channels that messages may take and that have no price."""
    needed = {row.price for channels in ways for channel in channels for row in becomes(leg_of(channel))}
    return sorted(needed - prices.keys())

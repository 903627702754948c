"""Small things that tables of several verbs show alike."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal


def clock_time(moment: dt.datetime) -> str:
    """A moment in Seoul, as a table shows it: `11-21 10:00:00.123`."""
    from shared.platform.clock import SEOUL

    return f"{moment.astimezone(SEOUL):%m-%d %H:%M:%S.%f}"[:-3]


def short_time(moment: dt.datetime) -> str:
    """A moment in Seoul, to the second: `11-21 10:00:00`."""
    return clock_time(moment)[:-4]


def won(amount: Decimal | None) -> str | None:
    """`20.00` → `20`, `12900.50` → `12,900.50`."""
    if amount is None:
        return None
    return f"{amount:,.0f}" if amount == amount.to_integral_value() else f"{amount:,.2f}"

"""Small things that tables of several verbs show alike."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any


def clock_time(moment: dt.datetime) -> str:
    """A moment in Seoul, as a table shows it: `11-21 10:00:00.123`."""
    from shared.platform.clock import SEOUL

    return f"{moment.astimezone(SEOUL):%m-%d %H:%M:%S.%f}"[:-3]


def short_time(moment: dt.datetime) -> str:
    """A moment in Seoul, to the second: `11-21 10:00:00`."""
    return clock_time(moment)[:-4]


def won(amount: Decimal | None) -> str | None:
    """An amount of won, as it is shown everywhere; nothing where there is none."""
    from shared.credits.amounts import in_won

    return None if amount is None else in_won(amount)


def plain_won(amount: str) -> str:
    """An amount on the command line, as people write it, in plain digits: `100,000` is `100000`."""
    from shared.credits.amounts import plain

    return plain(amount)


def customer_id(given: str) -> str:
    """A customer's id on the command line, as it is kept."""
    from shared.contracts.text import clean_id

    return clean_id(given)


CUSTOMER: Any = {"parser": customer_id, "metavar": "ID"}
"""What an option or argument that takes a customer's id says of itself."""

WON: Any = {"parser": plain_won, "metavar": "WON"}
"""What an option that takes an amount says of itself."""


def numbers(value: Any) -> Any:
    """`value` with won as JSON numbers: whole ones whole, others with their two digits."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, Mapping):
        return {key: numbers(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [numbers(one) for one in value]
    return value.isoformat() if isinstance(value, dt.datetime | dt.date) else value

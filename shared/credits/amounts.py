"""Amounts of money: read as a person wrote them, and added up without a float in between."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal


def read_decimal(amount: object) -> Decimal | None:
    """What an amount says as written, such as `20`, `18.5` or `1e3`; None where it is no finite number.

    Digits are those of ASCII, without a separator: Python would read more.
    """
    text = str(amount)
    if not text.isascii() or "_" in text:
        return None
    try:
        number = Decimal(text)
    except ArithmeticError:
        return None
    return number if number.is_finite() else None


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The sum, which of nothing is a Decimal, too."""
    return sum(amounts, Decimal(0))

"""Amounts of money: read as a person wrote them, and added up without a float in between."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from decimal import Decimal

_NUMBER = r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?"
_AS_PEOPLE_WRITE = re.compile(rf"(?:₩|\\)? ?(?P<number>{_NUMBER}) ?(?P<unit>만|억)? ?(?:원|won|krw)?", re.IGNORECASE)
_UNITS = {None: 1, "만": 10_000, "억": 100_000_000}


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


def plain(amount: str) -> str:
    """An amount as people write it, in plain digits: `100,000`, `100,000원`, `₩100000`, `10만` are all `100000`, in
    full-width digits, too. What is no amount stays as it is, for whoever reads it to refuse, and so does `1,00`.
    """
    written = _AS_PEOPLE_WRITE.fullmatch(unicodedata.normalize("NFKC", amount).strip())
    if written is None:
        return amount
    number = Decimal(written["number"].replace(",", "")) * _UNITS[written["unit"]]
    return f"{number:f}"


def in_won(amount: Decimal | int) -> str:
    """An amount as it is shown everywhere: `150,000`, and `18.50` where it is not whole."""
    return f"{amount:,.0f}" if amount == int(amount) else f"{amount:,.2f}"


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The sum, which of nothing is a Decimal, too."""
    return sum(amounts, Decimal(0))

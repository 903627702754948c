"""Amounts are read as people write them, and are Decimals from there on."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.credits.amounts import read_decimal, total

numbers = st.decimals(allow_nan=False, allow_infinity=False)


@given(numbers)
def test_a_number_is_read_as_written(number: Decimal) -> None:
    assert read_decimal(number) == read_decimal(str(number)) == number


@pytest.mark.parametrize(
    "amount", ["", "won", "1,000", "1_000", "\u0665", "\uff11", "nan", "sNaN", "inf", "-Infinity", None]
)
def test_what_is_no_finite_number_in_plain_digits_is_none(amount: object) -> None:
    assert read_decimal(amount) is None


@given(st.lists(st.integers(-(10**9), 10**9)))
def test_a_total_is_exact_and_never_a_plain_zero(won: list[int]) -> None:
    found = total(Decimal(one) / 100 for one in won)
    assert isinstance(found, Decimal)
    assert found * 100 == sum(won)

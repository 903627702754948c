"""Amounts are read as people write them, and are Decimals from there on."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.credits.amounts import in_won, plain, read_decimal, total

numbers = st.decimals(allow_nan=False, allow_infinity=False)


@given(numbers)
def test_a_number_is_read_as_written(number: Decimal) -> None:
    assert read_decimal(number) == read_decimal(str(number)) == number


@pytest.mark.parametrize(
    "amount", ["", "won", "1,000", "1_000", "\u0665", "\uff11", "nan", "sNaN", "inf", "-Infinity", None]
)
def test_what_is_no_finite_number_in_plain_digits_is_none(amount: object) -> None:
    assert read_decimal(amount) is None


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("100,000", "100000"),
        ("100000", "100000"),
        ("1,234,567", "1234567"),
        (" 100,000원 ", "100000"),
        ("₩100,000", "100000"),
        ("￦100,000", "100000"),
        ("100,000 won", "100000"),
        ("100000KRW", "100000"),
        ("10만", "100000"),
        ("10만원", "100000"),
        ("1.5만 원", "15000.0"),
        ("1억", "100000000"),
        ("１００，０００", "100000"),
        ("18.5", "18.5"),
    ],
)
def test_an_amount_is_taken_as_people_write_it(written: str, number: str) -> None:
    assert plain(written) == number
    assert read_decimal(plain(written)) == Decimal(number)


@given(st.integers(0, 10**9))
def test_an_amount_that_was_shown_is_read_back(amount: int) -> None:
    assert read_decimal(plain(in_won(amount))) == amount
    assert read_decimal(plain(f"{in_won(Decimal(amount))}원")) == amount


@pytest.mark.parametrize(
    "text", ["1,00", "1,0000", ",100", "1,000,00", "100,000,", "천원", "", "٣", "1_000", "-5", "1e5"]
)
def test_what_may_be_meant_otherwise_is_left_for_a_refusal(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize(
    ("amount", "shown"),
    [("150000", "150,000"), ("150000.00", "150,000"), ("18.5", "18.50"), ("0", "0"), ("-20", "-20")],
)
def test_an_amount_is_shown_in_one_way(amount: str, shown: str) -> None:
    assert in_won(Decimal(amount)) == shown


@given(st.lists(st.integers(-(10**9), 10**9)))
def test_a_total_is_exact_and_never_a_plain_zero(won: list[int]) -> None:
    found = total(Decimal(one) / 100 for one in won)
    assert isinstance(found, Decimal)
    assert found * 100 == sum(won)

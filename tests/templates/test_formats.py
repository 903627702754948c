"""How a field is written: whole, or not at all."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.platform.errors import WrongValue
from shared.templates.formats import FORMATS, LONGEST_NUMBER, as_it_is, date, number, time

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.decimals(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (12_900, "12,900"),
        ("12,900", "12,900"),
        ("1234567", "1,234,567"),
        (12900.7, "12,900.7"),
        ("12900.70", "12,900.70"),
        (12900.0, "12,900"),
        ("12900.00", "12,900"),
        (" 12900 ", "12,900"),
        ("12,900원", "12,900"),
        ("12900 원", "12,900"),
        ("₩12,900", "12,900"),
        ("￦ 12,900", "12,900"),
        ("-₩12,900.50", "-12,900.50"),
        ("１２，９００", "12,900"),
        ("−5,000", "-5,000"),
        (-0.0, "0"),
        ("-0", "0"),
        (0, "0"),
        (10**30, "1,000,000,000,000,000,000,000,000,000,000"),
        (Decimal("0.1"), "0.1"),
        (1e-7, "0.0000001"),
    ],
)
def test_a_number_is_written_with_its_thousands(value: Any, written: str) -> None:
    assert number(value) == written


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (True, "true.* is no number"),
        ("12,90", "no number"),
        ("12.900,5", "no number"),
        ("12,900 달러", "no number"),
        ("$12,900", "no number"),
        ("12,90원", "no number"),
        ("원", "no number"),
        ("1e5", "no number"),
        ("1_000", "no number"),
        ("", "no number"),
        (float("nan"), "no number"),
        (float("-inf"), "no number"),
        (1e21, "too large to be exact"),
        (2.0**53, "too large to be exact"),
        pytest.param(10**5_000, "more than 40 characters", id="a number of 5,001 digits"),
        pytest.param("9" * 5_000, "more than 40 characters", id="as many nines"),
        (1e-300, "more than 40 characters"),
        ([1], "a list"),
        ({"amount": 1}, "an object"),
    ],
)
def test_what_is_no_number_is_told_so(value: Any, said: str) -> None:
    with pytest.raises(WrongValue, match=said) as wrong:
        number(value)
    assert wrong.value.detail_ko


@given(st.integers(-(10**30), 10**30) | st.decimals(-(10**12), 10**12, places=3))
def test_no_digit_of_a_number_is_lost(value: int | Decimal) -> None:
    assert Decimal(number(value).replace(",", "")) == value
    assert Decimal(as_it_is(value)) == value
    assert number(str(value)) == number(value)
    assert number(number(value)) == number(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_fraction_is_written_as_json_has_it_or_refused(value: float) -> None:
    try:
        written = number(value)
    except WrongValue:
        assert abs(value) >= 2**53 or len(f"{Decimal(repr(value)):f}") > LONGEST_NUMBER
    else:
        assert float(written.replace(",", "")) == value


@pytest.mark.parametrize(
    ("value", "written"),
    [(12900.0, "12900"), (True, "true"), (False, "false"), (0, "0"), (12900.7, "12900.7"), ("글", "글"), (-3, "-3")],
)
def test_a_field_without_a_format_is_written_as_it_is(value: Any, written: str) -> None:
    assert as_it_is(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("2026-11-26", "11월 26일"),
        ("2026-11-6", "11월 6일"),
        ("2026/11/26", "11월 26일"),
        ("2026.11.26", "11월 26일"),
        ("2026. 11. 26.", "11월 26일"),
        ("2026년 11월 26일", "11월 26일"),
        ("20261126", "11월 26일"),
        ("2026-11-26T00:30:00+09:00", "11월 26일"),
        ("2026-11-25T15:30:00Z", "11월 26일"),
        ("2026-11-26 23:50", "11월 26일"),
        ("2028-02-29", "2월 29일"),
    ],
)
def test_a_date_is_a_day_as_written_or_the_day_in_seoul(value: str, written: str) -> None:
    assert date(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("2026-11-21T08:05:00Z", "17:05"),
        ("2026-11-21T17:05:00+09:00", "17:05"),
        ("2026-11-21T17:05:00", "17:05"),
        ("2026-11-21 17:05", "17:05"),
        ("17:05", "17:05"),
        ("9:05:30", "09:05"),
        ("오후 5:30", "17:30"),
        ("오후5시 30분", "17:30"),
        ("오후 17:30", "17:30"),
        ("오전 12:30", "00:30"),
        ("오후 12:30", "12:30"),
        ("17시 30분", "17:30"),
        ("17시", "17:00"),
        ("9시 5분", "09:05"),
        ("5:30 PM", "17:30"),
        ("5:30pm", "17:30"),
        ("12:05 am", "00:05"),
        ("PM 5:30", "17:30"),
    ],
)
def test_a_time_is_seouls_or_as_written(value: str, written: str) -> None:
    assert time(value) == written


@pytest.mark.parametrize("write", [date, time])
@pytest.mark.parametrize(
    "value",
    [
        "내일",
        "2026-02-30",
        "2026-13-01",
        "11/26/2026",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59Z",
        "25:00",
        "25시",
        "17시 60분",
        "오전 13:00",
        "오후 25:00",
        "오후 5:30 PM",
        "오후",
        1_764_100_000,
        20_261_121,
        1.5,
        True,
        [1],
        {},
    ],
)
def test_what_is_no_moment_is_told_so_with_an_example(write: Callable[[Any], str], value: Any) -> None:
    with pytest.raises(WrongValue) as wrong:
        write(value)
    assert len(wrong.value.detail) < 200
    assert wrong.value.detail_ko


def test_a_time_that_is_none_is_told_what_to_write() -> None:
    with pytest.raises(WrongValue, match="write for example 17:30 or") as wrong:
        time("25:00")
    assert "예: 17:30" in wrong.value.detail_ko


@given(st.times())
def test_every_time_of_day_is_written_from_each_form(moment: dt.time) -> None:
    half, half_ko = ("PM", "오후") if moment.hour >= 12 else ("AM", "오전")
    hour, minute = moment.hour % 12 or 12, moment.minute
    forms = (
        f"{moment:%H:%M}",
        f"{moment.hour}시 {minute}분",
        f"{half_ko} {hour}:{minute:02}",
        f"{half_ko} {hour}시 {minute}분",
        f"{hour}:{minute:02} {half}",
    )
    assert {time(form) for form in forms} == {f"{moment:%H:%M}"}


def test_a_day_has_no_time_and_a_time_no_day() -> None:
    for write, value in ((time, "2026-11-26"), (time, "2026-W48-4"), (date, "17:05")):
        with pytest.raises(WrongValue):
            write(value)


@given(st.dates(min_value=dt.date(1000, 1, 1)))
def test_every_day_there_is_is_written_from_each_form(day: dt.date) -> None:
    forms = (
        day.isoformat(),
        f"{day:%Y/%m/%d}",
        f"{day:%Y. %m. %d.}",
        f"{day:%Y%m%d}",
        f"{day.isoformat()}T12:00+09:00",
    )
    assert {date(form) for form in forms} == {f"{day.month}월 {day.day}일"}


@given(anything)
def test_whatever_json_holds_is_written_or_refused_with_a_sentence(value: Any) -> None:
    for write in (*FORMATS.values(), as_it_is):
        refused = None
        try:
            assert isinstance(write(value), str)
        except WrongValue as wrong:
            refused = wrong
        assert refused is None or (10 < len(refused.detail) < 250 and refused.detail_ko)

"""How a field is written: as it is, or as a date, a time, a number. What can't be written whole is an error, never cut.

Whatever JSON can hold may be given; texts among it are clean already.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from shared.platform.clock import SEOUL
from shared.platform.errors import WrongValue

LONGEST_NUMBER = 40
"""Characters of a number without its commas; a longer one is a mistake."""

EXACT = 2**53
"""JSON's numbers with a fraction or an exponent are exact below this."""

_SHOWN = 40
"""Characters of a value that an error shows."""

_NUMBER = re.compile(r"([+-]?)(?:₩ ?)?((?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d+)?)(?: ?원)?", re.ASCII)
"""The sign of won before it, or the word after it, is no part of it: a template writes it where it is wanted."""
_DAYS = tuple(
    re.compile(written, re.ASCII)
    for written in (
        r"(\d{4})-(\d\d?)-(\d\d?)",
        r"(\d{4})/(\d\d?)/(\d\d?)",
        r"(\d{4})\. ?(\d\d?)\. ?(\d\d?)\.?",
        r"(\d{4})년 ?(\d\d?)월 ?(\d\d?)일",
        r"(\d{4})(\d\d)(\d\d)",
    )
)
"""A day as people in Korea and their spreadsheets write it: the year is first, so that none is taken for another."""

_TIME = re.compile(
    r"(?:(오전|오후|[ap]m) ?)?(?:(\d\d?):(\d\d)(?::\d\d)?|(\d\d?)시(?: ?(\d\d?)분)?)(?: ?([ap]m))?",
    re.ASCII | re.IGNORECASE,
)
_AFTER_NOON = ("오후", "pm")


def _shown(value: Any) -> str:
    """A value as an error quotes it: what somebody sent may be as long as an event."""
    text = value if isinstance(value, str) else _of_json(value)
    return f"“{text[:_SHOWN]}…”" if len(text) > _SHOWN else f"“{text}”"


def _of_json(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int():
            return str(value) if abs(value) < 10**_SHOWN else f"{'-' * (value < 0)}1{'0' * _SHOWN}"
        case dict():
            return "{…}"
        case list():
            return "[…]"
    return str(value)


def as_it_is(value: Any) -> str:
    """A field without a format: a text as it came, 12900.0 as `12900`, true as `true`.

    Raises:
        WrongValue: a list, a mapping, or a number that can't be written whole.
    """
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float() | Decimal():
            return f"{_whole_or_not(_decimal(value), value):f}"
    raise _no_single_value(value)


def number(value: Any) -> str:
    """12900, 12900.0, `"12,900"`, `"12,900원"` and `"₩12,900"` → `12,900`; 12900.7 → `12,900.7`.

    Raises:
        WrongValue: no number, or one that can't be written whole.
    """
    if isinstance(value, str):
        return f"{_whole_or_not(_read(value), value):,f}"
    if isinstance(value, bool):
        raise _no_number(value)
    if isinstance(value, (int, float, Decimal)):
        return f"{_whole_or_not(_decimal(value), value):,f}"
    raise _no_single_value(value)


def _read(text: str) -> Decimal:
    """A number as people write it: full-width digits and thousands marked by commas, too."""
    written = unicodedata.normalize("NFKC", text).strip().replace("\u2212", "-")
    if not (found := _NUMBER.fullmatch(written)):
        raise _no_number(text)
    digits = "".join(found.groups()).replace(",", "")
    if len(digits) > LONGEST_NUMBER:
        raise _too_long(text)
    return Decimal(digits)


def _decimal(value: float | Decimal) -> Decimal:
    if isinstance(value, int):
        if abs(value) >= 10**LONGEST_NUMBER:
            raise _too_long(value)
        return Decimal(value)
    if not (value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)):
        raise _no_number(value)
    if isinstance(value, float) and abs(value) >= EXACT:
        raise WrongValue(
            f"{_shown(value)} is too large to be exact as a number with an exponent; publish it as a whole number",
            f"{_shown(value)}은(는) 너무 커서 정확한 값을 알 수 없습니다. 정수로 보내 주세요.",
        )
    return Decimal(repr(value)) if isinstance(value, float) else value


def _whole_or_not(number: Decimal, given: Any) -> Decimal:
    """12900.0 as 12900, -0 as 0, and 12900.7 as it is."""
    if abs(number.adjusted()) >= LONGEST_NUMBER or len(f"{number:f}") > LONGEST_NUMBER:
        raise _too_long(given)
    whole = number.to_integral_value()
    return (abs(whole) if whole.is_zero() else whole) if whole == number else number


def date(value: Any) -> str:
    """`2026-11-26` → `11월 26일`. A moment with a time zone is told by Seoul's day; without one, as it is written.

    Raises:
        WrongValue: no date.
    """
    text = _written(value)
    problem = WrongValue(
        f"{_shown(value)} is no date; write for example 2026-11-26 or 2026-11-21T17:05:00+09:00",
        f"{_shown(value)}은(는) 날짜가 아닙니다. 예: 2026-11-26",
    )
    found = _day(text, problem) or _moment(text, problem)
    return f"{found.month}월 {found.day}일"


def time(value: Any) -> str:
    """`2026-11-21T08:05:00Z`, `오후 5:05`, `17시 5분` and `5:05 PM` → `17:05`. With a time zone it is told by Seoul's
    clock; without one, as it is written.

    Raises:
        WrongValue: no time of day.
    """
    text = _written(value)
    problem = WrongValue(
        f"{_shown(value)} has no time of day; write for example 17:30 or 2026-11-21T17:30:00+09:00",
        f"{_shown(value)}에는 시각이 없습니다. 예: 17:30, 2026-11-21T17:30:00+09:00",
    )
    if clock := _TIME.fullmatch(text):
        text = f"2000-01-01T{_hour(clock, problem):02}:{clock[3] or clock[5] or '0':0>2}"
    elif _day(text, problem) or not re.search("[T ]", text):
        raise problem
    return f"{_moment(text, problem):%H:%M}"


def _hour(clock: re.Match[str], problem: WrongValue) -> int:
    """Of the day, 0 to 23, of a time with its half of the day before or after it; 오후 17:30 is 17:30."""
    hour, halves = int(clock[2] or clock[4]), [half.lower() for half in (clock[1], clock[6]) if half]
    if not halves:
        return hour
    after_noon = halves[0] in _AFTER_NOON
    if len(halves) > 1 or (hour > 12 and not after_noon):
        raise problem
    return hour % 12 + 12 * after_noon if hour <= 12 else hour


def _written(value: Any) -> str:
    if isinstance(value, (dt.date, dt.datetime)):
        return value.isoformat()
    if isinstance(value, (bool, int, float, Decimal)):
        raise WrongValue(
            f"{_shown(value)} is a number, which may count seconds, milliseconds or days; "
            "write a date, for example 2026-11-26 or 2026-11-21T17:05:00+09:00",
            f"{_shown(value)}은(는) 숫자라서 날짜인지 알 수 없습니다. 예: 2026-11-26",
        )
    if not isinstance(value, str):
        raise _no_single_value(value)
    return value.strip()


def _day(text: str, problem: WrongValue) -> dt.date | None:
    """The day that a text names, or None where it names something else."""
    for written in _DAYS:
        if parts := written.fullmatch(text):
            try:
                return dt.date(*map(int, parts.groups()))
            except ValueError as error:
                raise problem from error
    return None


def _moment(text: str, problem: WrongValue) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(text)
        return moment if moment.tzinfo is None else moment.astimezone(SEOUL)
    except (ValueError, OverflowError) as error:
        raise problem from error


def _no_number(value: Any) -> WrongValue:
    return WrongValue(
        f"{_shown(value)} is no number; write for example 12900, 12,900 or 12900.7",
        f"{_shown(value)}은(는) 숫자가 아닙니다. 예: 12900, 12,900, 12900.7",
    )


def _too_long(value: Any) -> WrongValue:
    return WrongValue(
        f"{_shown(value)} is a number of more than {LONGEST_NUMBER} characters",
        f"{_shown(value)}은(는) {LONGEST_NUMBER}자가 넘는 숫자입니다.",
    )


def _no_single_value(value: Any) -> WrongValue:
    kind, korean = ("a list", "목록") if isinstance(value, (list, tuple)) else ("an object", "객체")
    return WrongValue(
        f"it leads to {kind}; name one value in it, such as data.course.title",
        f"{korean}에 연결되어 있습니다. 그 안의 값 하나를 지정해 주세요. 예: data.course.title",
    )


FORMATS: Mapping[str, Callable[[Any], str]] = {"date": date, "time": time, "number": number}
"""By the name that a template gives them: `{금액: data.amount | number}`."""

"""What forbids that advertising leaves, and from when on it may."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.law.advertising import Words, breaches, failures
from shared.law.hours import day_begins, is_night, night_begins
from shared.platform.clock import SEOUL

LAWFUL = [Words("(광고) 가게 봄 세일 무료수신거부 080-123-4567")]
moments = st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2040, 1, 1), timezones=st.sampled_from([dt.UTC, SEOUL]))
SOON = dt.timedelta(microseconds=1)


@given(moments)
def test_it_is_day_from_where_the_night_ends_to_where_the_next_begins(moment: dt.datetime) -> None:
    day, night = day_begins(moment), night_begins(moment)
    assert moment < day <= moment + dt.timedelta(days=1)
    assert moment < night <= moment + dt.timedelta(days=1)
    assert (is_night(day), is_night(day - SOON)) == (False, True)
    assert (is_night(night), is_night(night - SOON)) == (True, False)
    assert is_night(moment) == (day < night)


@given(moments)
def test_lawful_words_may_leave_by_day_and_are_told_when_by_night(moment: dt.datetime) -> None:
    found = list(failures(LAWFUL, moment))
    assert [one.code for one in found] == (["night_advertising"] if is_night(moment) else [])
    for one in found:
        day = day_begins(moment)
        assert f"{day:%Y-%m-%d} 08:00" in one.detail
        assert f"{day.month}월 {day.day}일 8시부터" in one.detail_ko


@pytest.mark.parametrize("time", ["21:00", "23:59:59.999999", "00:00", "05:47", "07:59"])
def test_the_day_that_is_told_is_the_next_one_of_seoul(time: str) -> None:
    evening = dt.datetime.combine(dt.date(2026, 12, 31), dt.time.fromisoformat(time), SEOUL)
    told = dt.date(2027, 1, 1) if time >= "21" else dt.date(2026, 12, 31)
    [breach] = failures(LAWFUL, evening.astimezone(dt.UTC))
    assert f"{told} 08:00" in breach.detail


def test_a_sender_that_is_not_named_is_a_warning_beside_what_forbids() -> None:
    noon = dt.datetime(2026, 11, 21, 12, tzinfo=SEOUL)
    assert [one.verdict for one in breaches([Words("세일")], "가게", noon)] == ["failed", "failed", "warning"]
    assert list(failures(LAWFUL, noon)) == []


BRAND, EMAIL = Words("봄 세일", leg="brand"), Words("(광고) 세일\n수신거부: https://a.example", leg="email")
PUSH = Words("세일. 수신거부: 앱 설정", "(광고) 세일", "push")


@pytest.mark.parametrize(
    ("words", "time", "codes"),
    [
        pytest.param([BRAND], "20:49:59", [], id="a Brand Message before its night"),
        pytest.param([BRAND], "20:50", ["night_advertising"], id="a Brand Message in its night"),
        pytest.param([PUSH], "20:59:59", [], id="a push by day"),
        pytest.param([PUSH], "21:00", ["night_advertising"], id="a push by night"),
        pytest.param([EMAIL], "23:00", [], id="an e-mail by night"),
        pytest.param([*LAWFUL, EMAIL], "23:00", [], id="an e-mail after a text by night"),
        pytest.param([*LAWFUL, BRAND], "20:55", [], id="a text after a Brand Message in its night"),
        pytest.param([*LAWFUL, BRAND], "21:00", ["night_advertising"], id="both by night"),
        pytest.param([EMAIL._replace(text="(광고) 세일")], "12:00", ["opt_out_missing"], id="no way out"),
        pytest.param(
            [EMAIL._replace(text="(광고) 세일", html='<a href="https://a.example">수신거부</a>')],
            "12:00",
            [],
            id="an e-mail with its way out in HTML",
        ),
        pytest.param([PUSH._replace(subject="세일")], "12:00", ["advertising_unmarked"], id="a push without the mark"),
        pytest.param([Words("(광고) 세일 수신거부: 앱 설정")], "12:00", ["opt_out_missing"], id="a text"),
    ],
)
def test_each_channel_has_its_own_night_and_its_own_way_out(words: list[Words], time: str, codes: list[str]) -> None:
    moment = dt.datetime.combine(dt.date(2026, 11, 21), dt.time.fromisoformat(time), SEOUL)
    assert [one.code for one in failures(words, moment)] == codes

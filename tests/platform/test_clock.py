"""Days are those of Seoul, which has kept one distance from UTC since 1988."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from shared.platform.clock import day_of, first_moment

days = st.dates(dt.date(1990, 1, 1), dt.date(2060, 12, 31))
moments = st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2060, 12, 31), timezones=st.timezones())


@given(days)
def test_a_day_begins_at_midnight_in_seoul_and_the_moment_before_is_of_the_day_before(day: dt.date) -> None:
    begins = first_moment(day)
    assert begins.utcoffset() == dt.timedelta(0)
    assert begins.hour == 15
    assert day_of(begins) == day
    assert day_of(begins - dt.timedelta(microseconds=1)) == day - dt.timedelta(days=1)


@given(moments)
def test_a_moment_is_within_its_day_wherever_it_was_written_down(moment: dt.datetime) -> None:
    day = day_of(moment)
    assert first_moment(day) <= moment < first_moment(day + dt.timedelta(days=1))
    assert day_of(moment.astimezone(dt.UTC)) == day

import datetime as dt
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.platform.clock import first_moment, month_of
from shared.platform.ids import beginnings, derived_id, first_id, ids_beginning, last_id, months_of, new_id

moments = st.datetimes(dt.datetime(1970, 1, 1), dt.datetime(9_000, 1, 1), timezones=st.just(dt.UTC))
parts = st.lists(st.text(max_size=8) | st.integers(0, 99), min_size=1, max_size=5)


@given(moments, parts)
def test_the_same_parts_at_the_same_moment_have_one_id(moment: dt.datetime, given_parts: list[object]) -> None:
    assert derived_id(moment, *given_parts) == derived_id(
        moment.astimezone(dt.timezone(dt.timedelta(hours=9))), *given_parts
    )


@given(moments, parts, parts)
def test_other_parts_have_another_id(moment: dt.datetime, one: list[object], other: list[object]) -> None:
    assume(list(map(str, one)) != list(map(str, other)))
    assert derived_id(moment, *one) != derived_id(moment, *other)


def test_where_one_part_ends_and_the_next_begins_counts_whatever_they_hold() -> None:
    moment = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
    assert derived_id(moment, "a\x1fb") != derived_id(moment, "a", "b")
    assert derived_id(moment, "ab", "c") != derived_id(moment, "a", "bc")
    assert derived_id(moment, "1:a1:b") != derived_id(moment, "a", "b")


@given(moments, moments)
def test_ids_sort_by_their_moment(one: dt.datetime, other: dt.datetime) -> None:
    assume(abs(one - other) >= dt.timedelta(milliseconds=2))
    first, second = sorted([one, other])
    assert derived_id(first, "x") < derived_id(second, "x")
    assert new_id(first) < new_id(second)


@given(moments)
def test_the_ids_of_a_moment_begin_with_its_first(moment: dt.datetime) -> None:
    for made in (derived_id(moment, "x"), new_id(moment)):
        assert first_id(moment) < made
        assert first_id(moment).int >> 80 == made.int >> 80


@given(moments, moments)
def test_what_was_made_before_a_moment_is_below_its_first_id_and_the_rest_above(
    one: dt.datetime, other: dt.datetime
) -> None:
    assume(abs(one - other) >= dt.timedelta(milliseconds=2))
    earlier, later = sorted([one, other])
    for made in (derived_id(earlier, "x"), new_id(earlier)):
        assert first_id(earlier) < made < first_id(later)


def test_a_message_made_within_the_moments_millisecond_is_not_below_its_first_id() -> None:
    moment = dt.datetime(2026, 11, 21, 1, 0, 0, 999_999, tzinfo=dt.UTC)
    assert derived_id(moment - dt.timedelta(seconds=1), "a") < first_id(moment) < derived_id(moment, "a")
    assert first_id(moment) == first_id(moment.replace(microsecond=999_000))


@given(st.uuids(), st.integers(1, 32))
def test_an_id_is_within_what_its_beginning_means_however_it_is_typed(id_: UUID, digits: int) -> None:
    typed = id_.hex[:digits]
    meant = ids_beginning(typed)
    assert meant is not None
    low, high = meant
    assert low <= id_ <= high
    assert (low.hex[:digits], high.hex[:digits]) == (typed, typed)
    assert ids_beginning(f"{typed[:8].upper()}-{typed[8:]}") == meant
    assert ids_beginning(typed, least=digits + 1) is None


@pytest.mark.parametrize("typed", ["", "-", "x", "12 34", "0" * 33, "\u0661"])
def test_what_no_id_begins_with_means_none(typed: str) -> None:
    assert ids_beginning(typed) is None


@given(moments)
def test_ids_say_what_they_are(moment: dt.datetime) -> None:
    derived, fresh = derived_id(moment, "x"), new_id(moment)
    assert (derived.version, fresh.version) == (8, 7)
    assert derived.variant == fresh.variant == "specified in RFC 4122"
    milliseconds = round((moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) / dt.timedelta(milliseconds=1) - 0.5)
    assert abs((derived.int >> 80) - milliseconds) <= 1
    assert new_id(moment) != fresh


def test_a_moment_before_1970_still_has_an_id() -> None:
    moment = dt.datetime(1950, 1, 1, tzinfo=dt.UTC)
    assert derived_id(moment, "x").int >> 80 == 0
    assert first_id(moment).int == 0


@given(st.sets(st.uuids(), min_size=1, max_size=30), st.sets(st.uuids(), max_size=30), st.integers(1, 32))
def test_a_short_id_is_the_beginning_of_one_alone(ids: set[UUID], near: set[UUID], least: int) -> None:
    found = beginnings(ids, near, least=least)
    assert found.keys() == ids
    for id_, short in found.items():
        assert str(id_).startswith(short)
        assert len(short.replace("-", "")) >= least
        assert [one for one in ids | near if str(one).startswith(short)] == [id_]
        meant = ids_beginning(short)
        assert meant is not None
        assert meant[0] <= id_ <= meant[1]


@given(st.datetimes(dt.datetime(1970, 1, 2), dt.datetime(2200, 1, 1), timezones=st.just(dt.UTC)))
def test_the_ids_of_a_moment_lie_between_its_first_and_its_last(moment: dt.datetime) -> None:
    assert first_id(moment) < derived_id(moment, "a") <= last_id(moment)
    assert last_id(moment) < first_id(moment + dt.timedelta(milliseconds=2))


@given(st.lists(st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2040, 1, 1), timezones=st.just(dt.UTC)), min_size=1))
def test_ids_are_looked_for_in_their_months_and_no_others(moments: list[dt.datetime]) -> None:
    ids = [new_id(moment) for moment in moments]
    found = months_of(ids)
    assert found["first_id"] == first_id(first_moment(month_of(min(moments))))
    months = [month_of(moment) for moment in moments]
    after = month_of(first_moment(max(months)) + dt.timedelta(days=32))
    assert found["last_id"] == first_id(first_moment(after))


@given(st.lists(st.uuids()))
def test_whatever_is_an_id_lies_between(ids: list[UUID]) -> None:
    found = months_of(ids)
    assert all(found["first_id"] <= one <= found["last_id"] for one in ids)

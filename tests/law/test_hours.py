"""When it is night for advertising."""

import datetime as dt

import pytest

from shared.law.hours import is_night
from shared.platform.clock import SEOUL


@pytest.mark.parametrize(
    ("time", "night"),
    [("20:59:59.999999", False), ("21:00", True), ("00:00", True), ("07:59:59.999999", True), ("08:00", False)],
)
@pytest.mark.parametrize("day", ["2026-12-31", "2027-01-01", "2028-02-29"])
def test_it_is_night_from_nine_to_eight_in_seoul(day: str, time: str, night: bool) -> None:
    assert is_night(dt.datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=SEOUL).astimezone(dt.UTC)) == night

"""A small day for the demo's tests."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from local.demo.casting import Casting, Family, Timetable
from local.demo.day import Act, Script
from local.demo.expectation import Expectation, expect

START = dt.datetime(2026, 11, 21, 3, tzinfo=dt.UTC)
NOON = START + dt.timedelta(minutes=1)
TIMETABLE = Timetable(NOON, NOON + dt.timedelta(seconds=10), dt.timedelta(seconds=10))
UNTIL = NOON + dt.timedelta(minutes=4)


@dataclass(frozen=True)
class DemoDay:
    families: Sequence[Family]
    acts: Sequence[Act]
    expectation: Expectation


def draw(seed: int, scale: float = 0.2) -> DemoDay:
    """The day of a seed, always at the same times."""
    casting = Casting(seed, scale)
    morning = Script(seed, START, "am").write(casting.morning(START))
    afternoon = Script(seed, NOON, "pm").write(casting.afternoon(TIMETABLE))
    return DemoDay(casting.families, (morning, afternoon), expect((morning, afternoon), UNTIL))

"""Time is a parameter: code takes a clock and never asks the machine. Days are those of Seoul."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Protocol
from zoneinfo import ZoneInfo

SEOUL = ZoneInfo("Asia/Seoul")


def day_of(moment: dt.datetime) -> dt.date:
    """The day of Seoul that an aware moment belongs to."""
    return moment.astimezone(SEOUL).date()


def month_of(moment: dt.datetime) -> dt.date:
    """The first day of the month of Seoul that an aware moment belongs to."""
    return day_of(moment).replace(day=1)


def first_moment(day: dt.date) -> dt.datetime:
    """When a day of Seoul begins, in UTC."""
    return dt.datetime.combine(day, dt.time(), SEOUL).astimezone(dt.UTC)


class Clock(Protocol):
    def now(self) -> dt.datetime:
        """The moment, aware and in UTC."""

    async def sleep(self, seconds: float) -> None:
        """Let that many seconds of this clock go by."""


class WallClock:
    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

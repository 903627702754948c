"""The hours in which advertising leaves only with a consent of its own.

Source: 정보통신망 이용촉진 및 정보보호 등에 관한 법률 제50조 제3항: 21:00 to 08:00 of the next day, in Seoul.
"""

from __future__ import annotations

import datetime as dt

from shared.platform.clock import SEOUL

NIGHT_FROM, NIGHT_UNTIL = dt.time(21), dt.time(8)


def is_night(moment: dt.datetime) -> bool:
    """Whether a moment lies in those hours: 21:00 does, 08:00 does not."""
    time = moment.astimezone(SEOUL).time()
    return time >= NIGHT_FROM or time < NIGHT_UNTIL


def day_begins(moment: dt.datetime) -> dt.datetime:
    """When the night that a moment lies in, or else the next one, is over; in Seoul's time."""
    return _next(moment, NIGHT_UNTIL)


def night_begins(moment: dt.datetime) -> dt.datetime:
    """When the first night after a moment by day begins; in Seoul's time."""
    return _next(moment, NIGHT_FROM)


def _next(moment: dt.datetime, time: dt.time) -> dt.datetime:
    there = moment.astimezone(SEOUL)
    today = dt.datetime.combine(there.date(), time, SEOUL)
    return today if there < today else today + dt.timedelta(days=1)  # Seoul has no summer time

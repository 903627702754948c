"""The hours in which advertising leaves only with a consent of its own.

Source: 정보통신망 이용촉진 및 정보보호 등에 관한 법률 제50조 제3항: 21:00 to 08:00 of the next day, in Seoul. Its
decree, 제61조 제2항, exempts e-mail, and nothing else: a push is not exempt, nor is what an app shows. Kakao lets Brand
Messages leave until 20:50.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from shared.platform.clock import SEOUL

NIGHT_FROM, NIGHT_UNTIL = dt.time(21), dt.time(8)

NIGHT_EXEMPT = frozenset({"email"})
"""The legs that know no night."""

NIGHT_FROM_OF: Mapping[str, dt.time] = {"brand": dt.time(20, 50)}
"""When the night begins for a leg, where it is earlier than the law's."""


def night_from(leg: str) -> dt.time:
    """When the night begins for a leg that knows one."""
    return NIGHT_FROM_OF.get(leg, NIGHT_FROM)


def is_night(moment: dt.datetime, leg: str = "sms") -> bool:
    """Whether a moment lies in those hours: 21:00 does, 08:00 does not."""
    if leg in NIGHT_EXEMPT:
        return False
    time = moment.astimezone(SEOUL).time()
    return time >= night_from(leg) or time < NIGHT_UNTIL


def day_begins(moment: dt.datetime) -> dt.datetime:
    """When the night that a moment lies in, or else the next one, is over; in Seoul's time."""
    return _next(moment, NIGHT_UNTIL)


def night_begins(moment: dt.datetime, leg: str = "sms") -> dt.datetime:
    """When the first night after a moment by day begins for a leg that knows one; in Seoul's time."""
    return _next(moment, night_from(leg))


def _next(moment: dt.datetime, time: dt.time) -> dt.datetime:
    there = moment.astimezone(SEOUL)
    today = dt.datetime.combine(there.date(), time, SEOUL)
    return today if there < today else today + dt.timedelta(days=1)  # Seoul has no summer time

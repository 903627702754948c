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

"""What SOLAPI says that it carried and took on a day: `GET /messages/v4/statistics`, whose form its SDK has (npm
solapi, `getStatisticsResponseSchema`). It counts by type, and tells money only for all types together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from shared.platform.clock import SEOUL
from shared.providers.base import ALL_CHANNELS, Billed
from shared.providers.solapi.writing import TYPES


def path_of(day: dt.date) -> str:
    """The request for a day of Korea."""
    start = dt.datetime.combine(day, dt.time(), SEOUL)
    end = start + dt.timedelta(days=1) - dt.timedelta(milliseconds=1)
    return f"/messages/v4/statistics?{urlencode({'startDate': start.isoformat(), 'endDate': end.isoformat()})}"


def billed(answer: Mapping[str, Any], day: dt.date) -> list[Billed]:
    """What an answer says of that day; nothing where it has none. Types that we never send are left out."""
    found = [
        each for month in answer["monthPeriod"] for each in month["dayPeriod"] if _day_of(each) == f"{day:%Y-%m-%d}"
    ]
    rows = []
    for channel, kind in TYPES.items():
        sent, succeeded = (sum(int(each[part].get(kind.lower(), 0)) for each in found) for part in _PARTS)
        if sent:
            rows.append(Billed(channel, sent, succeeded, None))
    if found:
        taken = sum((_won(each) - _won(each.get("refund") or {}) for each in found), Decimal(0))
        sent, succeeded = (sum(int(each[part]["total"]) for each in found) for part in _PARTS)
        rows.append(Billed(ALL_CHANNELS, sent, succeeded, taken))
    return rows


_PARTS = ("total", "successed")


def _day_of(period: Mapping[str, Any]) -> str:
    """Written with slashes or with hyphens, as seen."""
    return str(period.get("date") or period["_id"]).replace("/", "-")[:10]


def _won(of: Mapping[str, Any]) -> Decimal:
    """Paid with money and with points, which were bought or given."""
    return Decimal(str(of.get("balance", 0))) + Decimal(str(of.get("point", 0)))

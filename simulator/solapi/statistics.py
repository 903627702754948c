"""What the provider says that it carried and took: `GET /messages/v4/statistics`, by day of Korea and by type.

The form is that of the SDK (npm solapi 6.0.1, `getStatisticsResponseSchema`). What the vendor does not publish: a
message counts on the day when it was sent, `balance` is what was taken then, and `refund` what was given back of it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from starlette.datastructures import QueryParams

from simulator.clock import KST, from_iso
from simulator.faults import FaultPlan
from simulator.solapi.errors import invalid
from simulator.solapi.model import Account, Message, won
from simulator.solapi.sending.codes import DELIVERED, is_final
from simulator.solapi.sending.intake import BRAND_TYPES, NO_ROUTE_TYPES

_TYPES = ("sms", "lms", "mms", "ata", *sorted(kind.lower() for kind in NO_ROUTE_TYPES | BRAND_TYPES))
_NOBODYS_DATE = timedelta(days=30)
"""What is told of where no dates are given."""


class _Line(NamedTuple):
    """A message as it is counted: once, twice, or not at all."""

    type: str
    code: str
    paid: int
    given_back: int


def statistics(account: Account, query: QueryParams, plan: FaultPlan, now: float) -> dict[str, Any]:
    """Everything between two dates.

    Args:
        account: whose.
        query: startDate and endDate; without them, the last thirty days.
        plan: who counts wrongly.
        now: seconds since the epoch.

    Raises:
        SolapiError: 400 ValidationError.
    """
    until = _moment(query.get("endDate"), now)
    since = _moment(query.get("startDate"), until - _NOBODYS_DATE.total_seconds())
    sent = [each for each in account.messages if each.is_sent and since <= (each.group.sent or 0) <= until]
    days: dict[str, list[_Line]] = defaultdict(list)
    for message in _counted(sent, plan):
        day = datetime.fromtimestamp(message.group.sent or 0, KST).strftime("%Y/%m/%d")
        days[day].append(_line(message))
    months: dict[str, dict[str, list[_Line]]] = defaultdict(dict)
    for day, lines in sorted(days.items()):
        months[day[:7]][day] = lines
    every = [line for lines in days.values() for line in lines]
    return {
        **_sums(every, "monthlyBalanceAvg", "monthlyPointAvg", max(len(months), 1)),
        "monthPeriod": [_month(month, of_days) for month, of_days in months.items()],
        **_counts(every),
    }


def _counted(sent: list[Message], plan: FaultPlan) -> Iterable[Message]:
    """The messages, of which the first delivered ones of the account are counted twice or forgotten, as the plan has
    it."""
    delivered = [message for message in sent if message.status_code == DELIVERED]
    forgotten = {id(message) for message in delivered[: plan.forget_in_bill]}
    yield from (message for message in sent if id(message) not in forgotten)
    yield from delivered[: plan.bill_twice]


def _line(message: Message) -> _Line:
    has_failed = is_final(message.status_code) and message.status_code != DELIVERED
    return _Line(message.type.lower(), message.status_code, message.paid, message.paid if has_failed else 0)


def _month(month: str, days: Mapping[str, list[_Line]]) -> dict[str, Any]:
    lines = [line for of_day in days.values() for line in of_day]
    given_back = won(sum(line.given_back for line in lines))
    return {
        "date": month,
        **_sums(lines, "balanceAvg", "pointAvg", len(days)),
        "dayPeriod": [_day(month, day, of_day) for day, of_day in days.items()],
        "refund": {"balance": given_back, "balanceAvg": given_back / len(days), "point": 0, "pointAvg": 0},
        **_counts(lines),
    }


def _day(month: str, day: str, lines: list[_Line]) -> dict[str, Any]:
    codes: dict[str, Counter[str]] = defaultdict(Counter)
    for line in lines:
        codes[line.code].update((line.type, "total"))
    return {
        "_id": day,
        "month": month,
        "date": day,
        "balance": won(sum(line.paid for line in lines)),
        "point": 0,
        "statusCode": codes,
        "refund": {"balance": won(sum(line.given_back for line in lines)), "point": 0},
        **_counts(lines),
    }


def _sums(lines: list[_Line], balance: str, point: str, among: int) -> dict[str, Any]:
    total = won(sum(line.paid for line in lines))
    return {"balance": total, "point": 0, balance: total / among, point: 0}


def _counts(lines: list[_Line]) -> dict[str, Any]:
    final = [line for line in lines if is_final(line.code)]
    return {
        "total": _by_type(lines),
        "successed": _by_type(line for line in final if line.code == DELIVERED),
        "failed": _by_type(line for line in final if line.code != DELIVERED),
    }


def _by_type(lines: Iterable[_Line]) -> dict[str, int]:
    counted = Counter(line.type for line in lines)
    return {"total": counted.total(), **{kind: counted[kind] for kind in _TYPES}}


def _moment(text: str | None, otherwise: float) -> float:
    if not text:
        return otherwise
    try:
        return from_iso(text.replace(" ", "+") if "T" in text else text)
    except ValueError as error:
        raise invalid("날짜가 ISO 8601 형식이 아닙니다.") from error

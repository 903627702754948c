"""Finding messages: the filters and pages of `GET /messages/v4/list` and of a group's messages.

Filters come as `name=value`, `name[operator]=value` (https://github.com/solapi/documents, api-reference/overview.md)
or as the older `criteria=a,b&cond=eq,eq&value=x,y`.
"""

import operator
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from starlette.datastructures import QueryParams

from simulator.clock import from_iso
from simulator.solapi.errors import invalid
from simulator.solapi.model import Account, Message

DEFAULT_LIMIT = 20
MOST_A_PAGE = 500
"""The vendor publishes no upper limit; a longer page is cut here, and `nextKey` leads on."""

Test = Callable[[Message], bool]

_FIELDS: dict[str, Callable[[Message], Any]] = {
    "messageId": lambda message: message.message_id,
    "groupId": lambda message: message.group.group_id,
    "to": lambda message: message.to,
    "from": lambda message: message.raw.get("from"),
    "type": lambda message: message.type,
    "statusCode": lambda message: message.status_code,
    "replacement": lambda message: "true" if message.replacement else "false",
    "dateCreated": lambda message: message.created,
    "dateUpdated": lambda message: message.updated,
}
_DATES = ("dateCreated", "dateUpdated")
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
_NAME = re.compile(r"(\w+)(?:\[(\w*)\])?")
_WORD = re.compile(r"\w+")


def limit_of(query: QueryParams) -> int:
    """The size of a page.

    Raises:
        SolapiError: 400 ValidationError.
    """
    text = query.get("limit") or str(DEFAULT_LIMIT)
    if not text.isdigit() or int(text) == 0:
        raise invalid("limit 은 1 이상의 숫자이어야 됩니다.")
    return min(int(text), MOST_A_PAGE)


def find(account: Account, query: QueryParams) -> tuple[list[Message], str | None]:
    """A page of an account's messages, newest first.

    Returns:
        The page, and the key of the next one or None.

    Raises:
        SolapiError: 400 ValidationError for an unknown filter, operator or key.
    """
    tests, ids, group_id = _read(query)
    pool: Iterator[Message] | Iterable[Message]
    if ids is not None:
        found = [account.by_id[message_id] for message_id in ids if message_id in account.by_id]
        pool = sorted(found, key=lambda message: message.seq, reverse=True)
    elif group_id is not None:
        group = account.groups.get(group_id)
        pool = reversed(group.messages) if group else ()
    else:
        pool = reversed(account.messages)
    start_key = query.get("startKey")
    if start_key:
        start = _message(account, start_key).seq
        if ids is None and group_id is None:
            pool = islice(reversed(account.messages), len(account.messages) - 1 - start, None)
        else:
            pool = (message for message in pool if message.seq <= start)
    matching = (message for message in pool if all(test(message) for test in tests))
    return _page(matching, limit_of(query))


def find_in_group(
    account: Account, messages: Sequence[Message], query: QueryParams
) -> tuple[list[Message], str | None]:
    """A page of a group's messages, in the order in which they were added.

    Returns:
        The page, and the key of the next one or None.

    Raises:
        SolapiError: 400 ValidationError for an unknown key.
    """
    first, start_key = 0, query.get("startKey")
    if start_key:
        first = bisect_left(messages, _message(account, start_key).seq, key=lambda message: message.seq)
    return _page(islice(messages, first, None), limit_of(query))


def _page(messages: Iterable[Message], limit: int) -> tuple[list[Message], str | None]:
    page = list(islice(messages, limit + 1))
    return page[:limit], page[limit].message_id if len(page) > limit else None


def _message(account: Account, key: str) -> Message:
    if key not in account.by_id:
        raise invalid("유효하지 않은 startKey 입니다.")
    return account.by_id[key]


def _read(query: QueryParams) -> tuple[list[Test], set[str] | None, str | None]:
    tests: list[Test] = []
    ids: set[str] | None = None
    group_id: str | None = None
    for field, comparison, value in _conditions(query):
        if field == "messageIds" or (field == "messageId" and comparison in ("eq", "in")):
            words = set(_WORD.findall(value))
            ids = words if ids is None else ids | words if field == "messageIds" else ids & words
        elif field == "groupId" and comparison == "eq" and group_id is None:
            group_id = value
        else:
            tests.append(_test(field, comparison, value))
    return tests, ids, group_id


def _conditions(query: QueryParams) -> Iterator[tuple[str, str, str]]:
    by_date = {"UPDATED": "dateUpdated"}.get(query.get("dateType", ""), "dateCreated")
    for key, value in query.multi_items():
        named = _NAME.fullmatch(key)
        name, comparison = (named[1], named[2] or "eq") if named else (key, "eq")
        if name == "startDate":
            yield by_date, "gte", value
        elif name == "endDate":
            yield by_date, "lte", value
        elif name == "criteria":
            yield from _criteria(query)
        elif name not in ("startKey", "limit", "dateType", "cond", "value"):
            yield name, comparison, value


def _criteria(query: QueryParams) -> Iterator[tuple[str, str, str]]:
    parts = [query.get(name, "").split(",") for name in ("criteria", "cond", "value")]
    if len({len(part) for part in parts}) != 1:
        raise invalid("criteria, cond, value 의 개수가 다릅니다.")
    yield from zip(*parts, strict=True)


def _test(field: str, comparison: str, value: str) -> Test:
    read = _FIELDS.get(field)
    if read is None:
        raise invalid(f"'{field}' 은(는) 허용되지 않는 조건입니다.")
    if comparison == "in":
        words = set(_WORD.findall(value))
        return lambda message: read(message) in words
    compare = _COMPARISONS.get(comparison)
    if compare is None:
        raise invalid(f"'{comparison}' 은(는) 허용되지 않는 연산자입니다.")
    wanted = _date(value) if field in _DATES else value
    return lambda message: compare(read(message), wanted)


def _date(value: str) -> float:
    # A plus sign in a query that was not escaped arrives as a blank.
    try:
        return from_iso(value.replace(" ", "+") if "T" in value else value)
    except ValueError as error:
        raise invalid("날짜가 ISO 8601 형식이 아닙니다.") from error

"""Identifiers that sort by time, so that new rows go to one end of an index."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import string
from collections.abc import Callable, Iterable
from uuid import UUID

from shared.platform.clock import first_moment, month_of


def derived_id(moment: dt.datetime, *parts: object) -> UUID:
    """The one id that `parts` have at `moment`: whoever plans the same message again gets the same primary key.

    A version 8 UUID (RFC 9562, section 5.8) laid out like version 7: 48 bits of Unix milliseconds, then a hash.

    Args:
        moment: aware; its milliseconds lead the id.
        parts: what makes the thing unique; their text forms are hashed.
    """
    digest = hashlib.blake2b("".join(map(_measured, parts)).encode(), digest_size=10).digest()
    return _filled(_frame(moment, 8), int.from_bytes(digest))


def derived_ids(moment: dt.datetime, *parts: object) -> Callable[[object], UUID]:
    """`derived_id(moment, *parts, last)` for many a `last`, at a third of the time."""
    frame = _frame(moment, 8)
    begun = hashlib.blake2b("".join(map(_measured, parts)).encode(), digest_size=10)

    def derive(last: object) -> UUID:
        whole = begun.copy()
        whole.update(_measured(last).encode())
        return _filled(frame, int.from_bytes(whole.digest()))

    return derive


def _measured(part: object) -> str:
    """A part with its length before it, for a key or a customer's id may hold any separator."""
    text = str(part)
    return f"{len(text)}:{text}"


def new_id(moment: dt.datetime) -> UUID:
    """A version 7 UUID (RFC 9562, section 5.7) of `moment`."""
    return _filled(_frame(moment, 7), int.from_bytes(os.urandom(10)))


def first_id(moment: dt.datetime) -> UUID:
    """Where the ids of `moment`, which is aware, begin: for looking up what was made since a moment, or before one.

    Each id of its millisecond or a later one is greater, each of an earlier one is smaller; none is equal.
    """
    return UUID(int=_milliseconds(moment) << 80)


def last_id(moment: dt.datetime) -> UUID:
    """Where the ids of the millisecond of `moment`, which is aware, end; the greatest of them."""
    return UUID(int=((_milliseconds(moment) + 1) << 80) - 1)


def months_of(ids: Iterable[UUID]) -> dict[str, UUID]:
    """Where the months of some ids begin and end, as the parameters `first_id` and `last_id` of a statement.

    Rows lie in months by their ids (schemas/postgres/0042_months.sql), and a statement that names its ids one by one is
    planned for all months; one that also says between which they lie, for those alone. By whole months, for then the
    planner knows that there are many rows between, and looks for each by its key, however old its statistics are.
    """
    known = list(ids) or [_LEAST]
    first, last = month_of(_moment(min(known))), month_of(_moment(max(known)))
    end = first_moment(month_of(first_moment(last) + dt.timedelta(days=32)))
    return {"first_id": first_id(first_moment(first)), "last_id": max(first_id(end), max(known))}


_LEAST = UUID(int=0)
_LAST_MOMENT = dt.datetime(9998, 1, 1, tzinfo=dt.UTC)


def _moment(id_: UUID) -> dt.datetime:
    """With which an id begins; no later than Python knows one."""
    return dt.datetime.fromtimestamp(min(id_.int >> 80, _milliseconds(_LAST_MOMENT)) / 1000, dt.UTC)


def ids_beginning(text: str, *, least: int = 1) -> tuple[UUID, UUID] | None:
    """The smallest and the greatest id that begin with what somebody typed, dashes or none; for looking it up.

    Args:
        text: hexadecimal digits, in whatever case.
        least: so many of them are needed.

    Returns:
        None where no id begins like that.
    """
    digits = text.replace("-", "").lower()
    if not least <= len(digits) <= 32 or not set(digits) <= set(string.hexdigits):
        return None
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))


def beginnings(ids: Iterable[UUID], near: Iterable[UUID], *, least: int) -> dict[UUID, str]:
    """Of each id the shortest beginning that none of the others shares, for people to copy; dashes as in the whole.

    Args:
        ids: to be told apart.
        near: others to tell them from, at least those that sort right before and after each.
        least: digits, where fewer would do.
    """
    wanted = set(ids)
    ordered = sorted(wanted | set(near))
    found = {}
    for place, one in enumerate(ordered):
        if one in wanted:
            beside = ordered[max(0, place - 1) : place] + ordered[place + 1 : place + 2]
            digits = max(least, 1 + max((_shared_digits(one, other) for other in beside), default=0))
            found[one] = str(one)[: digits + sum(digits > before for before in _DASHES)]
    return found


_DASHES = (8, 12, 16, 20)
"""Digits before each dash."""


def _shared_digits(one: UUID, other: UUID) -> int:
    return 32 - ((one.int ^ other.int).bit_length() + 3) // 4


def _milliseconds(moment: dt.datetime) -> int:
    return max(0, int(moment.timestamp() * 1000)) & 0xFFFF_FFFF_FFFF


def _frame(moment: dt.datetime, version: int) -> int:
    return _milliseconds(moment) << 80 | version << 76 | 0b10 << 62


def _filled(frame: int, entropy: int) -> UUID:
    return UUID(int=frame | (entropy >> 62 & 0xFFF) << 64 | entropy & 0x3FFF_FFFF_FFFF_FFFF)

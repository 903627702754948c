"""What there is, how long it lives, and what leaves next."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.operations.retention.lives import FAMILIES, FORGOTTEN, LIVES
from shared.operations.retention.lives_store import TenantLife, count_contents, read_lives
from shared.operations.retention.store import Apart, Part, count_aged, read_kept, read_parts, read_sizes
from shared.platform.database import Database

COUNTED = 10_000
"""Rows of a table that are counted, before somebody asks to let them go."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with the life of its rows, as `shared.operations.retention.lives` says it, and about how many."""

    table: str
    leaving: str
    because: str
    months: int | None
    kept: int | None
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Kept:
    """All that is kept. `apart`: what has left its table and is kept for the law. `chosen`: by tenants."""

    tables: Sequence[Table]
    partitions: Sequence[Part]
    apart: Sequence[Apart]
    chosen: Sequence[TenantLife]


def leaves_on(parent: str, until: dt.date | None) -> dt.date | None:
    """The first day on which what lies before the day `until` has lived its life; None for what has no end."""
    return _so_much_later(until, LIVES[parent].months)


def dropped_on(parent: str, until: dt.date) -> dt.date | None:
    """The first day on which what is kept apart is kept no more."""
    return _so_much_later(until, LIVES[parent].kept)


def _so_much_later(until: dt.date | None, months: int | None) -> dt.date | None:
    if until is None or months is None:
        return None
    number = until.year * 12 + until.month - 1 + months
    return dt.date(number // 12, number % 12 + 1, 1)


async def look(database: Database, now: dt.datetime, *, copied: bool) -> Kept:
    """What there is now. `database`: as its owner. `copied`: as of `Retention`."""
    async with database.connection() as connection:
        parts = await read_parts(connection, [table for family in FAMILIES for table in family], now, copied=copied)
        sizes = {size.table: (size.rows, size.bytes) for size in await read_sizes(connection)}
        apart = await read_kept(connection)
        chosen = await read_lives(connection)
    for part in parts:
        rows, size = sizes.get(part.parent, (0, 0))
        sizes[part.parent] = rows + part.rows, size + part.bytes
    tables = [
        Table(life.table, life.leaving, life.because, life.months, life.kept, *sizes.get(life.table, (0, 0)))
        for life in LIVES.values()
    ]
    return Kept(tables, parts, apart, chosen)


@dataclass(frozen=True, slots=True)
class Due:
    """What a night would do now.

    Attributes:
        partitions: that are due; one that stays says why.
        gone: by table, how many rows would leave.
        forgotten: by table and tenant, how many rows would forget what they say.
        at_least: the names of those of `gone` and `forgotten` that were not counted to their end.
    """

    partitions: Sequence[Part]
    gone: Mapping[str, int]
    forgotten: Mapping[str, int]
    at_least: Sequence[str]


async def foresee(database: Database, now: dt.datetime, *, copied: bool) -> Due:
    """What a night would do, counted up to `COUNTED` rows each. Arguments as of `look`."""
    found = await look(database, now, copied=copied)
    counts: list[dict[str, int]] = [{}, {}]
    at_least = []
    async with database.connection() as connection:
        for table in FORGOTTEN:
            counts[0][table], more = await count_aged(connection, table, now, most=COUNTED)
            at_least += [table] if more else []
        for life in found.chosen:
            whose = f"{life.what} of {life.tenant}"
            counts[1][whose], more = await count_contents(connection, life.tenant, life.what, now, most=COUNTED)
            at_least += [whose] if more else []
    gone, forgotten = ({name: number for name, number in each.items() if number} for each in counts)
    return Due([part for part in found.partitions if part.due], gone, forgotten, at_least)

"""A database with months that are closed and one that is not, and whose closed ones count whatever is done to them."""

from __future__ import annotations

import datetime as dt

import psycopg
import pytest

from shared.platform.clock import first_moment
from tests.databases import Migrated

MONEY = ("messages", "ledger_entries")


@pytest.fixture(scope="module")
def begins(module_database: Migrated) -> list[dt.datetime]:
    """When the months begin: three that are closed, and one that is open."""
    return extend(module_database.url, closed=3)


def extend(url: str, *, closed: int) -> list[dt.datetime]:
    """Make months and close all but the last of them, and what lies before them. When they begin.

    Their triggers count even what is done behind the back of all others.
    """
    with psycopg.connect(url) as owner:
        [(day,)] = owner.execute("select distinct since from partitions where until is null").fetchall()
        days = [day]
        while len(days) <= closed + 1:
            days.append((days[-1] + dt.timedelta(days=31)).replace(day=1))
        owner.execute("select months.extend(%s)", [days[-1]])
        over = first_moment(days[closed]) + dt.timedelta(days=7)
        for (name,) in owner.execute("select months.close(%s)", [over]).fetchall():
            owner.execute(f"alter table months.{name} enable always trigger changed")
    return [first_moment(day) for day in days[:-1]]

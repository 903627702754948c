"""Partitions by month: made ahead, never missing, closed when they are over, and counting what changes after all."""

from __future__ import annotations

import datetime as dt
from typing import Any

import psycopg
import pytest

from shared.platform.clock import first_moment
from shared.platform.ids import new_id
from tests.databases import Migrated

PARENTS = ["dispatches", "events", "ledger_entries", "messages", "reports"]
QUEUED = """
insert into messages (tenant, id, customer, template, template_version, route, deadlines, channel, status, due_at,
  expires_at, created_at, updated_at)
values ('cafe', %s, 'c', 't', 1, '{sms}', '{60}', 'sms', 'queued', 'epoch', 'epoch', 'epoch', 'epoch')
returning tableoid::regclass::text
"""

Connection = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def owner(database: Migrated) -> Connection:
    return psycopg.connect(database.url, autocommit=True)


def _last(owner: Connection) -> dt.date:
    """The first day that is no month's own yet."""
    [(day,)] = owner.execute("select distinct since from partitions where until is null").fetchall()
    assert isinstance(day, dt.date)
    return day


def _months_on(day: dt.date, months: int) -> dt.date:
    for _ in range(months):
        day = (day + dt.timedelta(days=31)).replace(day=1)
    return day


def _queue(owner: Connection, day: dt.date) -> str:
    """The partition of a message that is due at the first moment of a day."""
    [(name,)] = owner.execute(QUEUED, [new_id(first_moment(day))]).fetchall()
    return str(name)


def test_months_are_made_ahead_and_each_has_what_is_its_own(owner: Connection) -> None:
    first = _last(owner)
    until = _months_on(first, 14)
    assert owner.execute("select months.extend(%s)", [until]).fetchall() == [(14 * len(PARENTS),)]
    assert owner.execute("select months.extend(%s)", [until]).fetchall() == [(0,)]
    for months in range(14):
        begins = _months_on(first, months)
        name = f"months.messages_{begins:%Y_%m}"
        last_day = _months_on(begins, 1) - dt.timedelta(days=1)
        assert [_queue(owner, begins), _queue(owner, last_day)] == [name, name]
    assert _queue(owner, until) == "months.messages_later"
    assert _queue(owner, first - dt.timedelta(days=1)) == "months.messages_past"
    assert _queue(owner, dt.date(1999, 12, 31)) == "months.messages_past"


def test_what_came_before_its_month_was_made_stays_where_it_is(owner: Connection) -> None:
    first = _last(owner)
    assert _queue(owner, _months_on(first, 5)) == "months.messages_later"
    owner.execute("select months.extend(%s)", [_months_on(first, 2)])
    lasting = owner.execute(
        "select name, since, until from partitions where parent = 'messages' and since = %s", [first]
    )
    assert lasting.fetchall() == [(f"messages_{first:%Y_%m}", first, _months_on(first, 6))]
    assert _queue(owner, _months_on(first, 5)) == f"months.messages_{first:%Y_%m}"
    assert _queue(owner, _months_on(first, 6)) == "months.messages_later"
    assert owner.execute("select count(*) from messages").fetchone() == (3,)
    owner.execute("select months.extend(%s)", [_months_on(first, 7)])
    owner.execute("select months.extend(%s)", [_months_on(first, 9)])
    assert _queue(owner, _months_on(first, 8)) == f"months.messages_{_months_on(first, 8):%Y_%m}"


def test_a_month_is_closed_a_week_after_it_ended_and_counts_what_changes_then(owner: Connection) -> None:
    first = _last(owner)
    owner.execute("select months.extend(%s)", [_months_on(first, 3)])
    ends = first_moment(_months_on(first, 1))
    name = f"messages_{first:%Y_%m}"
    assert _queue(owner, first) == f"months.{name}"
    closing = "select months.close(%s)"
    almost = ends + dt.timedelta(days=7, microseconds=-1)
    assert {one for (one,) in owner.execute(closing, [almost]).fetchall()} == {f"{parent}_past" for parent in PARENTS}
    closed = owner.execute(closing, [ends + dt.timedelta(days=7)]).fetchall()
    assert {one for (one,) in closed} == {f"{parent}_{first:%Y_%m}" for parent in PARENTS}
    assert owner.execute(closing, [ends + dt.timedelta(days=8)]).fetchall() == []
    changes = "select changes from partitions where name = %s"
    assert owner.execute(changes, [name]).fetchone() == (0,)
    owner.execute("update messages set tries = tries + 1")
    assert owner.execute(changes, [name]).fetchone() == (1,)
    _queue(owner, first)
    assert owner.execute(changes, [name]).fetchone() == (2,)
    owner.execute("delete from messages")
    assert owner.execute(changes, [name]).fetchone() == (4,)
    assert owner.execute(changes, [f"messages_{_months_on(first, 1):%Y_%m}"]).fetchone() == (0,)

"""A database whose months are long ago, so that each clock of a test is one that has come."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

import psycopg

from shared.platform.clock import first_moment
from shared.platform.ids import new_id

PARENTS = ("dispatches", "events", "ledger_entries", "messages", "reports")
LIVES = {"dispatches": 12, "events": 12, "ledger_entries": 13, "messages": 12, "reports": 12}
"""Months."""

ROWS = {
    "messages": "insert into messages (tenant, id, customer, template, template_version, route, deadlines, channel,"
    " status, due_at, expires_at, created_at, updated_at) values ('cafe', %(id)s, 'c', 't', 1, '{sms}', '{60}', 'sms',"
    " 'delivered', %(at)s, %(at)s, %(at)s, %(at)s)",
    "dispatches": "insert into dispatches (tenant, id, provider, account, messages, state, lease_until, created_at,"
    " updated_at) values ('cafe', %(id)s, 'solapi', 'a', array[%(id)s], 'closed', %(at)s, %(at)s, %(at)s)",
    "reports": "insert into reports (tenant, message, attempt, code, outcome, provider, received_at)"
    " values ('cafe', %(id)s, 0, '4000', 'delivered', 'solapi', %(at)s)",
    "events": "insert into events (tenant, source, id, type, time, data, received_at, month)"
    " values ('cafe', 's', %(id)s::text, 't', %(at)s, '{}', %(at)s, months.month_of(%(at)s))",
    "ledger_entries": "insert into ledger_entries (tenant, id, kind, balance_change, hold_change, key, messages,"
    " created_at) values ('cafe', %(id)s, 'hold', 0, 0, %(id)s::text, array[%(id)s], %(at)s)",
}
"""By table, a row of a moment."""

Owner = psycopg.Connection[tuple[Any, ...]]


def owner_of(url: str) -> Owner:
    """A connection as the owner, behind the back of triggers and foreign keys."""
    return psycopg.connect(url, autocommit=True, options="-c session_replication_role=replica")


def begin_at(owner: Owner, first: dt.date, *, proven: bool = True) -> None:
    """An empty database whose first month begins on a day. `proven`: the sums of each month are."""
    with owner.transaction():
        for (name,) in owner.execute("delete from partitions returning name").fetchall():
            owner.execute(f"drop table months.{name}")
        for (name,) in owner.execute("select name from left_months where dropped_at is null").fetchall():
            owner.execute(f"drop table kept.{name}")
        owner.execute("delete from left_months")
        for parent in PARENTS:
            owner.execute("select months.make(%s, %s, null, %s)", [parent, f"{parent}_past", first])
            owner.execute("select months.make(%s, %s, %s, null)", [parent, f"{parent}_later", first])
        if proven:
            owner.execute(
                "create or replace function months.is_proven(part text) returns boolean language sql stable return true"
            )


def put(owner: Owner, table: str, moment: dt.datetime) -> UUID:
    """A row of a moment."""
    id_ = new_id(moment)
    owner.execute(ROWS[table].encode(), {"id": id_, "at": moment})
    return id_


def there(owner: Owner, table: str) -> set[UUID]:
    """The rows of a table."""
    column = {"reports": "message", "events": "id::uuid"}.get(table, "id")
    return {id_ for (id_,) in owner.execute(f"select {column} from {table}").fetchall()}  # noqa: S608 - names from above


def kept(owner: Owner) -> set[UUID]:
    """The entries of the ledger that are kept apart."""
    names = owner.execute("select name from left_months where dropped_at is null").fetchall()
    found = (owner.execute(f"select id from kept.{name}").fetchall() for (name,) in names)  # noqa: S608 - from a table
    return {id_ for rows in found for (id_,) in rows}


def months_on(day: dt.date, months: int) -> dt.date:
    """The first day of a month that comes so many months later, or earlier."""
    number = day.year * 12 + day.month - 1 + months
    return dt.date(number // 12, number % 12 + 1, 1)


def midnight(year: int, month: int) -> dt.datetime:
    """When a month of Seoul begins."""
    return first_moment(dt.date(year, month, 1))

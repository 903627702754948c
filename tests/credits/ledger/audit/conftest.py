"""Databases with months that are closed and one that is not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import psycopg
import pytest
from psycopg import sql

from shared.platform.clock import first_moment
from tests.databases import Migrated


@pytest.fixture(scope="module")
def begins(module_database: Migrated) -> list[dt.datetime]:
    """When the months begin: three that are closed, and one that is open. The closed ones count whatever is done to
    them, even behind the back of all other triggers."""
    months = make_months(module_database.url, 4)
    names = close_months(module_database.url, months[:-1])
    with psycopg.connect(module_database.url) as owner:
        for name in names:
            owner.execute(sql.SQL("alter table months.{} enable always trigger changed").format(sql.Identifier(name)))
    return [first_moment(day) for day in months]


def make_months(url: str, number: int) -> list[dt.date]:
    """The first days of some months that get partitions of their own."""
    with psycopg.connect(url) as owner:
        [(day,)] = owner.execute("select distinct since from partitions where until is null").fetchall()
        days = [day]
        while len(days) <= number:
            days.append(_next(days[-1]))
        owner.execute("select months.extend(%s)", [days[-1]])
    return days[:-1]


def close_months(url: str, months: Sequence[dt.date]) -> list[str]:
    """Close some months, and all before them. The names of their partitions."""
    over = first_moment(_next(months[-1])) + dt.timedelta(days=7)
    with psycopg.connect(url) as owner:
        return [name for (name,) in owner.execute("select months.close(%s)", [over]).fetchall()]


def _next(day: dt.date) -> dt.date:
    return (day + dt.timedelta(days=31)).replace(day=1)


PAID = """
insert into tenants (id, name) values ('cafe', 'Cafe');
insert into ledger_entries (tenant, id, kind, balance_change, key, created_at)
select 'cafe', gen_random_uuid(), 'topup', 1000000000, 'the top-up', min(begins)
from unnest(%(months)s::timestamptz[]) begins;
create temporary table due as
select months.first_id(due_at + number * interval '1 millisecond') as id, due_at, number / 50 as batch, begins,
  md5('hold' || begins || number / 50)::uuid as hold, md5('capture' || begins || number / 50)::uuid as settlement
from unnest(%(months)s::timestamptz[]) begins, generate_series(0, %(of_a_month)s - 1) number,
  lateral (select begins + number * (interval '28 days' / %(of_a_month)s) as due_at) d;
insert into messages (tenant, id, customer, template, template_version, route, deadlines, channel, status, due_at,
  expires_at, created_at, updated_at, hold, held, settlement, price)
select 'cafe', id, 'c', 't', 1, '{sms}', '{60}', 'sms', 'delivered', due_at, due_at, due_at, due_at, hold, 20,
  settlement, 20
from due;
insert into ledger_entries (tenant, id, kind, balance_change, hold_change, key, messages, created_at)
select 'cafe', hold, 'hold'::entry_kind, 0, 20 * count(*), 'hold/' || hold, array_agg(id), max(due_at)
from due group by hold
union all
select 'cafe', settlement, 'capture', -20 * count(*), -20 * count(*), 'capture/' || settlement, array_agg(id),
  max(due_at) + interval '5 days' from due group by settlement;
drop table due;
"""


def pay(url: str, months: Sequence[dt.date], of_a_month: int) -> None:
    """Messages of a tenant that are held for when they are due, and captured five days later: the last ones of each
    month by entries of the next."""
    parameters = {"months": [first_moment(day) for day in months], "of_a_month": of_a_month}
    with psycopg.connect(url, cursor_factory=psycopg.ClientCursor) as owner:
        owner.execute(PAID, parameters)

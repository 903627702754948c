"""Reminders as if events had laid them: customers, their runs, and a step of each that waits for its moment."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass

import psycopg

from bench.saas import SOURCE

_CUSTOMERS = """
insert into customers (tenant, id, name, phone, status, as_of)
select %(tenant)s, %(tenant)s || '-due-' || n, '홍길동',
  format('010-%%s-%%s', lpad((5000 + n / 5000)::text, 4, '0'), lpad((5000 + n %% 5000)::text, 4, '0')),
  'active', %(told)s
from generate_series(0, %(count)s - 1) as n
on conflict do nothing
"""
_RUNS = """
insert into runs (
  tenant, workflow, key, version, customer, anchor_at, anchored_as_of, started_as_of, data, event_source, event_id,
  updated_at
)
select tenant, name, %(name)s || '-' || n, active_version, tenant || '-due-' || n, %(told)s, %(told)s, %(told)s,
  %(data)s, %(source)s, %(name)s || '-' || n, %(told)s
from workflows cross join generate_series(0, %(count)s - 1) as n
where tenant = %(tenant)s and name = %(workflow)s
"""
_TIMERS = """
insert into timers (tenant, workflow, key, step, due_at)
select %(tenant)s, %(workflow)s, %(name)s || '-' || n, 1, %(first)s + %(within)s * (n::float8 / %(count)s)
from generate_series(0, %(count)s - 1) as n
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """Whose reminders they are, of which of its workflows, and what the events told that began the runs."""

    tenant: str
    workflow: str
    data: Mapping[str, object]


DUNNING = Kind("saas", "dunning", {"amount": 39_000})
REVIEWS = Kind("learning", "review-reminders", {"course": "초급 회화", "lesson": "길 묻기"})
"""The second step of each, which an AlimTalk tells."""


def lay(
    connection: psycopg.Connection, kind: Kind, name: str, count: int, first: dt.datetime, within: dt.timedelta
) -> None:
    """Let so many reminders wait, each of a customer and a run of its own.

    Args:
        connection: the owner's.
        kind: of reminder.
        name: what the runs' keys begin with; no two calls have the same one.
        count: how many.
        first: when the first one is due.
        within: the others follow evenly in that time; zero for all at once.
    """
    told = first - dt.timedelta(days=1)
    parameters = {
        "tenant": kind.tenant,
        "workflow": kind.workflow,
        "name": name,
        "count": count,
        "first": first,
        "within": within,
        "told": told,
        "source": SOURCE,
        "data": json.dumps({field: [told.isoformat(), value, name] for field, value in kind.data.items()}),
    }
    with connection.transaction():
        for statement in (_CUSTOMERS, _RUNS, _TIMERS):
            connection.execute(statement, parameters)

"""`python -m bench.timers`: how long after its moment a reminder is made and delivered, of very many at once.

First they are due evenly within a minute. Then they are all due in the same second, and another tenant's few with them.
"""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass

import psycopg
from rich.console import Console
from rich.table import Table

from bench.load import percentile
from bench.timers.laying import DUNNING, REVIEWS, Kind, lay
from bench.watch import STALLED_SECONDS, BenchError, Watch
from local.stack import Stack
from shared.platform.clock import WallClock

MINUTE = dt.timedelta(minutes=1)
AT_ONCE = dt.timedelta(0)

FEW = 50
"""Of the other tenant."""

WANTED_WITHIN_A_MINUTE, WANTED_AT_ONCE, WANTED_OF_OTHERS = 1_000.0, 10_000.0, 1_000.0
"""Milliseconds, of the 99th percentile until a reminder is made."""

_BEFORE_THE_FIRST = dt.timedelta(seconds=3)
_LAID_A_SECOND = 5_000
_LOOK_EVERY_SECONDS = 0.5

_DELIVERED = """
select count(*) from messages where tenant = %s and run_key like %s and status in ('delivered', 'read')
"""
_TIMES = """
select extract(epoch from created_at - due_at)::float8, extract(epoch from updated_at - due_at)::float8
from messages where tenant = %s and run_key like %s and status in ('delivered', 'read')
"""


@dataclass(frozen=True, slots=True)
class Lateness:
    """Milliseconds from a reminder's moment until it is made (its transaction begins) and until it is delivered."""

    reminders: int
    made_p50_ms: float
    made_p99_ms: float
    delivered_p50_ms: float
    delivered_p99_ms: float


@dataclass(frozen=True, slots=True)
class Due:
    """Reminders of one tenant, due within a minute and in the same second, and those of another tenant beside them."""

    within_a_minute: Lateness
    at_once: Lateness
    others: Lateness

    @property
    def messages(self) -> int:
        """All that both tenants were told."""
        return self.within_a_minute.reminders + self.at_once.reminders + self.others.reminders


def measure(stack: Stack, watch: Watch, *, timers: int) -> Due:
    """Measure both on a stack with the example tenants.

    Args:
        stack: a running one, whose scheduler ticks.
        watch: waits for rest.
        timers: reminders in each of both; another tenant has fifty at most.

    Raises:
        BenchError: reminders were not delivered, or were due before all of them were laid.
    """
    few = min(FEW, timers)
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        watch.until_quiet()
        [minute] = _spoken(connection, MINUTE, [(DUNNING, timers)])
        watch.until_quiet()
        crowd, others = _spoken(connection, AT_ONCE, [(DUNNING, timers), (REVIEWS, few)])
        watch.until_quiet()
    return Due(within_a_minute=minute, at_once=crowd, others=others)


def _spoken(connection: psycopg.Connection, within: dt.timedelta, wanted: list[tuple[Kind, int]]) -> list[Lateness]:
    """Lay reminders of some tenants for one moment, wait until all are delivered, and see how late they were."""
    now = WallClock().now()
    first = now + _BEFORE_THE_FIRST + dt.timedelta(seconds=sum(count for _, count in wanted) / _LAID_A_SECOND)
    name = f"due-{now.timestamp():.6f}"
    for kind, count in wanted:
        lay(connection, kind, name, count, first, within)
    if WallClock().now() >= first:
        raise BenchError("reminders were due before all of them were laid: this machine is too busy")
    time.sleep((first - WallClock().now()).total_seconds())
    keys = f"{name}-%"
    time.sleep(within.total_seconds())
    for kind, count in wanted:
        _until_delivered(connection, kind, keys, count)
    return [_lateness(connection, kind, keys) for kind, _ in wanted]


def _until_delivered(connection: psycopg.Connection, kind: Kind, keys: str, count: int) -> None:
    """Counting reads them all, so it is done rarely: when each was delivered is in its row."""
    before, progressed = 0, time.monotonic()
    while (found := _number(connection, kind, keys)) < count:
        if found > before:
            before, progressed = found, time.monotonic()
        if time.monotonic() - progressed > STALLED_SECONDS:
            raise BenchError(f"of {count:,} reminders {found:,} were delivered, and for a minute nothing happened")
        time.sleep(_LOOK_EVERY_SECONDS)


def _number(connection: psycopg.Connection, kind: Kind, keys: str) -> int:
    row = connection.execute(_DELIVERED, [kind.tenant, keys]).fetchone()
    return int(row[0]) if row else 0


def _lateness(connection: psycopg.Connection, kind: Kind, keys: str) -> Lateness:
    times = connection.execute(_TIMES, [kind.tenant, keys]).fetchall()
    made, delivered = ([row[place] for row in times] for place in (0, 1))

    def milliseconds(seconds: list[float], percent: float) -> float:
        return round(percentile(seconds, percent) * 1e3, 1)

    return Lateness(
        reminders=len(times),
        made_p50_ms=milliseconds(made, 50),
        made_p99_ms=milliseconds(made, 99),
        delivered_p50_ms=milliseconds(delivered, 50),
        delivered_p99_ms=milliseconds(delivered, 99),
    )


def show(found: Due, console: Console) -> None:
    """Print it as a table."""
    title = "Reminders, from their moment until they are made and delivered"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold", title_style="bold")
    table.add_column("")
    for column in ("reminders", "made: p50 ms", "p99 ms", "delivered: p50 ms", "p99 ms"):
        table.add_column(column, justify="right")
    for name, late in (
        ("due within a minute", found.within_a_minute),
        ("due in the same second", found.at_once),
        ("another tenant's of that second", found.others),
    ):
        figures = late.made_p50_ms, late.made_p99_ms, late.delivered_p50_ms, late.delivered_p99_ms
        table.add_row(name, f"{late.reminders:,}", *(f"{figure:,.0f}" for figure in figures))
    console.print()
    console.print(table)

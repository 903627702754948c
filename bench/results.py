"""What a run of the bench found: `bench/results.json` is this, as JSON."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.floor import HttpFloor, SqlFloor
from bench.history.figures import History, rows
from bench.imports import ImportCost
from bench.load import Burst, Latency
from bench.neighbours.crowd import Beside
from bench.neighbours.importing import BesideImport
from bench.neighbours.stage import WANTED
from bench.sql_count import StatementCounts
from bench.timers.due import WANTED_AT_ONCE, WANTED_OF_OTHERS, WANTED_WITHIN_A_MINUTE, Due

BACKGROUND = frozenset({"allim_ticker", "allim_sweeper"})
"""Roles that look around by themselves, messages or not."""
OUTSIDE = frozenset({"postgres", ""})
"""The bench's own looks, and what belongs to nobody."""
PROVIDER_MS = 100
"""So long the simulated provider takes to report; the rest of a latency is ours."""


@dataclass(frozen=True, slots=True)
class SqlUse:
    """SQL statements for each message. A statement is one round trip; `begin_commit` are counted apart from it.

    background: statements of the tick in all that time; it looks for late work, messages or not.
    """

    statements: float
    begin_commit: float
    by_role: Mapping[str, float]
    background: int


@dataclass(frozen=True, slots=True)
class CpuUse:
    """CPU seconds for each 1,000 messages, in all and by process, the largest first."""

    total: float
    by_process: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Path:
    """One way that messages take under load."""

    messages: int
    seconds: float
    per_second: float
    sql: SqlUse
    cpu: CpuUse


@dataclass(frozen=True, slots=True)
class Lone:
    """One message while nothing else happens."""

    latency: Latency
    sql: SqlUse


@dataclass(frozen=True, slots=True)
class Check:
    """What the provider says: how many messages it accepted, how many more than once, how many never."""

    messages: int
    accepted: int
    repeated: int
    missing: int

    @property
    def exactly_once(self) -> bool:
        return self.messages == self.accepted and not self.repeated and not self.missing


@dataclass(frozen=True, slots=True)
class Results:
    machine: Mapping[str, str | int | float]
    broker: str
    begun_at: dt.datetime
    seconds: float
    lone: Lone
    modest: Latency
    singles: Path
    bulk: Path | None
    beside_import: BesideImport | None
    sql_floor: Sequence[SqlFloor]
    http_floor: HttpFloor
    imports: Sequence[ImportCost]
    check: Check
    neighbour: Beside | None
    due: Due | None
    history: History | None


@dataclass(frozen=True, slots=True)
class Target:
    """What was aimed at, and what was measured. `at_least`: larger is better."""

    name: str
    measured: float
    wanted: float
    at_least: bool

    @property
    def met(self) -> bool:
        return self.measured >= self.wanted if self.at_least else self.measured <= self.wanted


def targets(results: Results) -> list[Target]:
    """The targets, on two cores that everything shares."""
    found = [
        Target("single events, messages/s", results.singles.per_second, 3_000, True),
        Target("single events, of the bare function's pushes", round(of_bare_pushes(results), 2), 0.24, True),
        Target("single events, SQL statements a message", results.singles.sql.statements, 1, False),
        Target("lone message, SQL statements", results.lone.sql.statements, 5, False),
        Target("lone message, p50 ms of ours", results.lone.latency.p50_ms - PROVIDER_MS, 40, False),
    ]
    if results.bulk is not None:
        found += [
            Target("bulk, messages/s", results.bulk.per_second, 9_000, True),
            Target(
                "bulk, of bare SQL",
                round(results.bulk.per_second / bare_sql(results, with_events=False), 2),
                0.21,
                True,
            ),
            Target("bulk, SQL statements a message", results.bulk.sql.statements, 0.1, False),
        ]
    if results.beside_import is not None:
        ratio = results.beside_import.accepted_ratio
        found.append(Target("p99 beside a neighbour's import, times the quiet one", ratio, WANTED, False))
    if results.neighbour is not None:
        found.append(Target("p99 beside a neighbour, times the quiet one", results.neighbour.ratio, WANTED, False))
    if results.due is not None:
        found += [
            Target(f"reminders due {when}, p99 ms until made", late.made_p99_ms, wanted, False)
            for when, late, wanted in (
                ("within a minute", results.due.within_a_minute, WANTED_WITHIN_A_MINUTE),
                ("in the same second", results.due.at_once, WANTED_AT_ONCE),
                ("beside them, another tenant's", results.due.others, WANTED_OF_OTHERS),
            )
        ]
    if results.history is not None:
        over = f"over {results.history.much.messages:,}, ms"
        found += [
            Target(f"{row.name} {over}", round(row.much, 1), row.wanted, False)
            for row in rows(results.history)
            if row.wanted is not None
        ]
    return found


def of_bare_pushes(results: Results) -> float:
    """How many single events a second there are for each push that the bare function takes."""
    return results.singles.per_second / results.http_floor.per_second


def bare_sql(results: Results, *, with_events: bool) -> float:
    """Messages a second that bare SQL writes at best, with rows of events and customers or without."""
    return max(floor.per_second for floor in results.sql_floor if floor.with_events is with_events)


def sql_use(counts: StatementCounts, messages: int) -> SqlUse:
    """Statements for each of `messages`, of the roles on their way."""
    on_the_way = {key: count for key, count in counts.items() if key[0] not in BACKGROUND | OUTSIDE}
    by_role: dict[str, float] = {}
    for (role, is_transaction), count in sorted(on_the_way.items()):
        if not is_transaction:
            by_role[role] = round(count / messages, 4)
    return SqlUse(
        statements=round(sum(count for (_, control), count in on_the_way.items() if not control) / messages, 4),
        begin_commit=round(sum(count for (_, control), count in on_the_way.items() if control) / messages, 4),
        by_role=by_role,
        background=sum(count for (role, _), count in counts.items() if role in BACKGROUND),
    )


def cpu_use(spent: Mapping[str, float], messages: int) -> CpuUse:
    """CPU for each 1,000 of `messages`. `spent`: seconds by process."""
    by_process = {name: round(seconds / messages * 1e3, 3) for name, seconds in spent.items() if seconds > 0}
    return CpuUse(round(sum(spent.values()) / messages * 1e3, 3), by_process)


def path(burst: Burst, counts: StatementCounts, spent: Mapping[str, float]) -> Path:
    """Put together what was seen of one burst."""
    return Path(
        messages=burst.messages,
        seconds=round(burst.seconds, 3),
        per_second=round(burst.per_second),
        sql=sql_use(counts, burst.messages),
        cpu=cpu_use(spent, burst.messages),
    )

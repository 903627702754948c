"""What was measured over little history and over much."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

AUDIT_SECONDS = 30.0
BACKUP_SECONDS = 300.0
QUERY_MS = 200.0
SINGLES_RATIO = 0.95
"""Single events are to be as fast over much history as over little, within a twentieth."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Over so many messages of history.

    bytes: of the database. `fill_seconds`: until they were there.
    singles_per_second: single events from publish to delivered, the best of some rounds.
    queries: milliseconds of the database's time for what a verb asks, by verb.
    loops: milliseconds of it that each role takes in a second while there is nothing to do.
    audit_seconds, backup_seconds: the first one, which proves or stores all of it; `..._again_...`: the next night's.
    """

    messages: int
    bytes: int
    fill_seconds: float
    singles_per_second: float
    queries: Mapping[str, float]
    loops: Mapping[str, float]
    audit_seconds: float
    audit_again_seconds: float
    backup_seconds: float
    backup_again_seconds: float


@dataclass(frozen=True, slots=True)
class History:
    """The same figures twice."""

    little: Figures
    much: Figures

    @property
    def singles_ratio(self) -> float:
        return round(self.much.singles_per_second / self.little.singles_per_second, 3)


@dataclass(frozen=True, slots=True)
class Row:
    """A figure as a time, in milliseconds, over little and over much. `wanted`: at most, over much; None: as it is."""

    name: str
    little: float
    much: float
    wanted: float | None

    @property
    def reached(self) -> bool:
        return self.wanted is None or self.much <= self.wanted


def rows(found: History) -> Iterator[Row]:
    """Every figure, each as a time."""
    little, much = found.little, found.much
    for name, taken in much.queries.items():
        yield Row(name, little.queries[name], taken, QUERY_MS)
    for name, taken in much.loops.items():
        yield Row(f"a second of {name} at rest", little.loops.get(name, 0.0), taken, None)
    least = 1e6 / little.singles_per_second
    yield Row("1,000 single events", least, 1e6 / much.singles_per_second, least / SINGLES_RATIO)
    for name, before, after, wanted in (
        ("audit, the first", little.audit_seconds, much.audit_seconds, None),
        ("audit, each night", little.audit_again_seconds, much.audit_again_seconds, AUDIT_SECONDS),
        ("backup, the first", little.backup_seconds, much.backup_seconds, None),
        ("backup, each night", little.backup_again_seconds, much.backup_again_seconds, BACKUP_SECONDS),
    ):
        yield Row(name, before * 1e3, after * 1e3, None if wanted is None else wanted * 1e3)

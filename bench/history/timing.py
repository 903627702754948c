"""The database's own time for statements, from the server's log: to parse, to plan and to answer each."""

from __future__ import annotations

import contextlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import psycopg

PREFIX = "time"
_LINE = re.compile(rf"^{PREFIX}\|(?P<role>\w*)\|LOG:  duration: (?P<ms>[\d.]+) ms")


class DurationLog:
    """The server's log, from a moment on.

    Args:
        log: its file.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._offset = 0
        self.mark()

    def mark(self) -> None:
        """Count from here on."""
        self._offset = self._log.stat().st_size

    def by_role(self) -> dict[str, float]:
        """Milliseconds since the mark."""
        with self._log.open("rb") as file:
            file.seek(self._offset)
            return durations(line.decode(errors="replace") for line in file)


def durations(lines: Iterable[str]) -> dict[str, float]:
    """Milliseconds by role, in lines of a log that was written as `timed_statements` has it written."""
    found: dict[str, float] = defaultdict(float)
    for line in lines:
        if told := _LINE.match(line):
            found[told["role"]] += float(told["ms"])
    return dict(found)


@contextlib.contextmanager
def timed_statements(database_url: str, log: Path) -> Iterator[DurationLog]:
    """Have the server write the time of each statement to `log`, as long as the `with` block.

    Args:
        database_url: a superuser's.
        log: where the server's output goes.
    """
    settings = {"log_line_prefix": f"{PREFIX}|%u|", "log_duration": "on"}
    with psycopg.connect(database_url, autocommit=True) as connection:
        for name, value in settings.items():
            connection.execute(f"alter system set {name} = '{value}'")
        connection.execute("select pg_reload_conf()")
        try:
            yield DurationLog(log)
        finally:
            for name in settings:
                connection.execute(f"alter system reset {name}")
            connection.execute("select pg_reload_conf()")

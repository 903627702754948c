"""The database's own time for statements, from the server's log: to parse, to plan and to answer each."""

from __future__ import annotations

import contextlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from bench.sql_count import ServerLog, server_set

PREFIX = "time"
_LINE = re.compile(rf"^{PREFIX}\|(?P<role>\w*)\|LOG:  duration: (?P<ms>[\d.]+) ms")


class DurationLog(ServerLog):
    """Of which durations are added up."""

    def by_role(self) -> dict[str, float]:
        """Milliseconds since the mark."""
        return durations(self.lines())


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
    with server_set(database_url, settings):
        yield DurationLog(log)

"""SQL statements, counted in the server's own log: the embedded Postgres has no pg_stat_statements.

Each line names its role, so the bench's own statements are told apart. A statement of the extended protocol (parse,
bind, execute: one round trip) is one line. BEGIN and COMMIT are counted apart.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import psycopg

PREFIX = "sql"
_LINE = re.compile(rf"^{PREFIX}\|(?P<role>\w*)\|LOG:  (?:statement|execute [^:]*): ?(?P<text>.*)$")
_TRANSACTION = re.compile(r"^(begin|commit|rollback|savepoint|release|start transaction)\b", re.IGNORECASE)

StatementCounts = Counter[tuple[str, bool]]
"""By role, and whether it only begins or ends a transaction."""


class ServerLog:
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

    def lines(self) -> Iterator[str]:
        """What was written since the mark."""
        with self._log.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                yield line.decode(errors="replace")


class StatementLog(ServerLog):
    """Of which statements are counted."""

    def counts(self) -> StatementCounts:
        """The statements since the mark."""
        return count_statements(self.lines())


def count_statements(lines: Iterable[str]) -> StatementCounts:
    """Count the statements in lines of a log that was written as `logged_statements` has it written."""
    counts: StatementCounts = Counter()
    for line in lines:
        if found := _LINE.match(line.rstrip("\n")):
            counts[found["role"], bool(_TRANSACTION.match(found["text"]))] += 1
    return counts


@contextlib.contextmanager
def logged_statements(database_url: str, log: Path) -> Iterator[StatementLog]:
    """Have the server write each statement to `log`, without its parameters, as long as the `with` block.

    Args:
        database_url: a superuser's.
        log: where the server's output goes.
    """
    settings = {"log_line_prefix": f"{PREFIX}|%u|", "log_parameter_max_length": "0", "log_statement": "all"}
    with server_set(database_url, settings):
        yield StatementLog(log)


@contextlib.contextmanager
def server_set(database_url: str, settings: Mapping[str, str]) -> Iterator[None]:
    """Have the whole server go by some settings, as long as the `with` block. `database_url`: a superuser's."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        for name, value in settings.items():
            connection.execute(f"alter system set {name} = '{value}'")
        connection.execute("select pg_reload_conf()")
        try:
            yield
        finally:
            for name in settings:
                connection.execute(f"alter system reset {name}")
            connection.execute("select pg_reload_conf()")

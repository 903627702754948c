"""`python -m bench.neighbours.importing`: how long a tenant's messages take, quiet and beside another tenant's import.

Its events come at a steady rate. First it is alone, then `allim send` imports a file for another tenant, whose own
customers have events meanwhile.
"""

from __future__ import annotations

import argparse
import datetime as dt
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from pydantic_core import to_json
from rich.console import Console
from rich.table import Table

from bench.load import WARM_UP, Publisher, percentile, write_customers
from bench.neighbours.stage import WANTED, warm_stack
from bench.saas import SOURCE, TEMPLATE, TENANT, customer
from bench.watch import STALLED_SECONDS, BenchError, Watch
from local.home import CHECKOUT, Home
from local.stack import Stack, StackError
from shared.platform.clock import WallClock
from shared.platform.ids import first_id

NEIGHBOUR = "learning"
RATE = 20.0
"""Events a second, of the neighbour, and of the customers in the file."""

QUIET_EVENTS = 600

_LOOK_EVERY_SECONDS = 0.005
_FIRST_OF_THE_NEIGHBOUR = 20_000_000
"""Numbers of its customers, which no other load of the bench comes to."""

_SEEN = """
select event_id, status in ('sent', 'delivered', 'read') as accepted from messages
where tenant = %s and id >= %s and event_id = any(%s)
"""


@dataclass(frozen=True, slots=True)
class Ends:
    """Milliseconds from `publish` until a reader of Postgres sees the message, and until the provider has taken it."""

    events: int
    committed_p50_ms: float
    committed_p99_ms: float
    accepted_p50_ms: float
    accepted_p99_ms: float


@dataclass(frozen=True, slots=True)
class BesideImport:
    """A neighbour's events, quiet and beside an import.

    customers: of the file that was imported, which took so many `seconds`.
    own_events: of these customers meanwhile.
    committed_ratio, accepted_ratio: the p99 beside the import, over the quiet one.
    """

    customers: int
    seconds: float
    own_events: int
    rate: float
    quiet: Ends
    beside: Ends
    committed_ratio: float
    accepted_ratio: float

    @property
    def messages(self) -> int:
        """All that both tenants were told."""
        return self.customers + self.own_events + self.quiet.events + self.beside.events


def beside_an_import(
    home: Home, stack: Stack, publisher: Publisher, watch: Watch, *, customers: int, events: int = QUIET_EVENTS
) -> BesideImport:
    """Measure a neighbour quiet, and beside an import.

    Args:
        home: the stack's folder.
        stack: up, with the examples loaded.
        publisher: for events.
        watch: waits for rest.
        customers: of the file.
        events: of the neighbour while it is quiet; beside the import at least as many, and on until it has ended.
    """
    with (
        tempfile.TemporaryDirectory(prefix="allim-bench-") as folder,
        psycopg.connect(stack.database_url, autocommit=True) as connection,
    ):
        file = Path(folder, "customers.csv")
        numbers = write_customers(file, customers)
        watch.until_quiet()
        quiet = _Stream(publisher, connection).run(events, lambda: True)
        watch.until_quiet()
        since, begun = WallClock().now(), time.monotonic()
        ended: list[float] = []
        with _importing(home, file) as process:

            def over() -> bool:
                if process.poll() is not None and not ended:
                    ended.append(time.monotonic())
                return bool(ended)

            stream = _Stream(publisher, connection, own=itertools.cycle(numbers))
            beside = stream.run(events, over)
            if process.returncode:
                raise BenchError(f"the import ended with {process.returncode}: {_told(process)}")
        watch.until_delivered(customers + stream.own_events, since)
        watch.until_quiet()
    return BesideImport(
        customers=customers,
        seconds=round(ended[0] - begun, 1),
        own_events=stream.own_events,
        rate=RATE,
        quiet=quiet,
        beside=beside,
        committed_ratio=round(beside.committed_p99_ms / quiet.committed_p99_ms, 2),
        accepted_ratio=round(beside.accepted_p99_ms / quiet.accepted_p99_ms, 2),
    )


@contextmanager
def _importing(home: Home, file: Path) -> Iterator[subprocess.Popen[bytes]]:
    asked = ["send", "--tenant", TENANT, "--template", TEMPLATE, "--customers", str(file), "--json"]
    environment = {**os.environ, "ALLIM_HOME": str(home.root)}
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "cli", *asked],
        cwd=CHECKOUT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _told(process: subprocess.Popen[bytes]) -> str:
    return process.stderr.read().decode().strip() if process.stderr else ""


@dataclass
class _Stream:
    """Events of the neighbour at a steady rate, and of the importing tenant's customers where there are any."""

    publisher: Publisher
    connection: psycopg.Connection
    own: Iterator[int] | None = None
    own_events: int = 0
    _committed: list[float] = field(default_factory=list)
    _accepted: list[float] = field(default_factory=list)

    def run(self, least: int, over: Callable[[], bool]) -> Ends:
        """Publish at least so many, and on until it is over; give what became of them all."""
        since, begun = WallClock().now(), time.monotonic()
        first = first_id(since)
        published: dict[str, float] = {}
        unseen: set[str] = set()
        sent = 0
        while True:
            now = time.monotonic()
            going = sent < least or not over()
            while going and begun + sent / RATE <= now:
                name = f"neighbour-{since.timestamp():.6f}-{sent}"
                published[name] = time.monotonic()
                unseen.add(name)
                self.publisher.publish_body(_payment(name, sent, WallClock().now()))
                self._publish_own(name)
                sent += 1
            rows = self.connection.execute(_SEEN, [NEIGHBOUR, first, list(published)]).fetchall()
            now = time.monotonic()
            for name, accepted in rows:
                if name in unseen:
                    unseen.remove(name)
                    self._committed.append(now - published[name])
                if accepted:
                    self._accepted.append(now - published.pop(name))
            if not going and not published:
                return self._ends()
            if published and now - min(published.values()) > STALLED_SECONDS:
                raise BenchError(f"{len(published):,} of the neighbour's messages did not leave within a minute")
            time.sleep(_LOOK_EVERY_SECONDS)

    def _publish_own(self, name: str) -> None:
        if self.own is not None:
            self.publisher.publish(f"own-{name}", next(self.own), WallClock().now())
            self.own_events += 1

    def _ends(self) -> Ends:
        def milliseconds(seconds: list[float], percent: float) -> float:
            return round(percentile(seconds, percent) * 1e3, 1)

        return Ends(
            events=len(self._accepted),
            committed_p50_ms=milliseconds(self._committed, 50),
            committed_p99_ms=milliseconds(self._committed, 99),
            accepted_p50_ms=milliseconds(self._accepted, 50),
            accepted_p99_ms=milliseconds(self._accepted, 99),
        )


def _payment(event_id: str, number: int, at: dt.datetime) -> bytes:
    """A payment of one of the neighbour's customers, whose receipt is a message at once."""
    person = customer(_FIRST_OF_THE_NEIGHBOUR + number)
    payment = {"customer": person, "product": "초급 회화", "amount": 39_000, "paid_at": at.isoformat()}
    return json.dumps(
        {
            "specversion": "1.0",
            "id": event_id,
            "source": SOURCE,
            "type": "payment.succeeded",
            "time": at.isoformat(),
            "tenant": NEIGHBOUR,
            "data": payment,
        },
        ensure_ascii=False,
    ).encode()


def show(found: BesideImport, console: Console) -> None:
    """Print it as a table."""
    title = f"A neighbour's events, {found.rate:g} a second, from publish to its message, beside an import"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold", title_style="bold")
    table.add_column("")
    for column in ("events", "committed: p50 ms", "p99 ms", "accepted: p50 ms", "p99 ms"):
        table.add_column(column, justify="right")
    for name, ends in (("quiet", found.quiet), (f"beside an import of {found.customers:,}", found.beside)):
        committed, accepted = (
            (ends.committed_p50_ms, ends.committed_p99_ms),
            (ends.accepted_p50_ms, ends.accepted_p99_ms),
        )
        table.add_row(name, f"{ends.events:,}", *(f"{figure:.0f}" for figure in (*committed, *accepted)))
    console.print()
    console.print(table)
    console.print(
        f"The import took {found.seconds:.1f} s; its customers had {found.own_events:,} events meanwhile. p99 beside"
        f" it, times the quiet one: {found.committed_ratio:g} until committed, {found.accepted_ratio:g} until accepted;"
        f" wanted: {WANTED:g} at most"
    )


def main(arguments: list[str] | None = None) -> int:
    """The command line; `arguments` are the process's own unless given."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.neighbours.importing",
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--customers", type=int, default=200_000, help="of the file that is imported")
    parser.add_argument("--events", type=int, default=QUIET_EVENTS, help="of the neighbour, in each phase at least")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs, instead of a table")
    options = parser.parse_args(arguments)
    if options.customers < 1 or options.events < 1:
        parser.error("--customers and --events are at least 1")
    progress = Console(stderr=True)
    try:
        with warm_stack(min(WARM_UP, options.events)) as on:
            found = beside_an_import(
                on.home, on.stack, on.publisher, on.watch, customers=options.customers, events=options.events
            )
    except (StackError, BenchError) as error:
        progress.print(f"[red]error:[/red] {error}")
        return 1
    if options.json:
        print(to_json(found, indent=2).decode())
    else:
        show(found, Console())
    return 0


if __name__ == "__main__":
    sys.exit(main())

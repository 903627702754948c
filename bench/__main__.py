"""`python -m bench`: measure everything in one run, print it, and write bench/results.json."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path as File

from pydantic_core import to_json
from rich.console import Console

from bench import load
from bench.check import check
from bench.cpu import cpu_by_process, machine, spent
from bench.floor import SqlFloor, http_floor, sql_floor
from bench.history.filling import check_room
from bench.history.measuring import LITTLE
from bench.history.measuring import SINGLES as HISTORY_SINGLES
from bench.history.measuring import measure as measure_history
from bench.home import fresh_stack
from bench.imports import ImportCost, import_costs
from bench.neighbours import crowd
from bench.neighbours.importing import QUIET_EVENTS, beside_an_import
from bench.report import show
from bench.results import Lone, Path, Results, path, sql_use
from bench.saas import give_credit
from bench.sql_count import StatementLog, logged_statements
from bench.timers import due
from bench.watch import REST_SECONDS, BenchError, Watch
from local.examples.loading import load as load_examples
from local.home import Home
from local.stack import Stack, StackError
from shared.platform.clock import WallClock

RESULTS = File(__file__).with_name("results.json")

LONE = 10
MODEST_RATE = 50.0
MODEST_MESSAGES = 500


class Bench:
    """One run on one stack.

    Args:
        home: the stack's folder.
        stack: the stack, fresh and up.
        console: progress is told here.
        rest_seconds: how long nothing is to happen before each measurement.
        imports: measures imports, so many tries each.
    """

    def __init__(
        self,
        home: Home,
        stack: Stack,
        console: Console,
        *,
        rest_seconds: float = REST_SECONDS,
        imports: Callable[[int], Sequence[ImportCost]] = import_costs,
    ) -> None:
        self._home = home
        self._stack = stack
        self._console = console
        self._import_costs = imports
        self._watch = Watch(stack.database_url, rest_seconds)
        self._publisher = load.Publisher(stack)

    def run(self, *, singles: int, bulk: int, imported: int, beside: int, timers: int, import_tries: int) -> Results:
        """Measure all there is but history, which has stacks of its own.

        Args:
            singles: how many events one by one.
            bulk: how many messages in the bulk; 0 for none.
            imported: how many customers the tenant imports beside a neighbour's events; 0 for none.
            beside: how many messages beside a neighbour with a hundred times as many; 0 leaves it out.
            timers: how many reminders due within a minute, and as many in one second; 0 leaves them out.
            import_tries: processes for each function's import.
        """
        begun_at, begun = WallClock().now(), time.monotonic()
        stack, watch, publisher = self._stack, self._watch, self._publisher
        on = machine(stack.database_url)
        load_examples(stack)
        give_credit(stack)
        with logged_statements(stack.database_url, self._home.log("postgres")) as log:
            self._tell("warming up")
            load.singles(publisher, watch, min(load.WARM_UP, singles))
            watch.until_quiet()
            self._tell("one message at a time")
            log.mark()
            alone = load.lone(publisher, watch, min(LONE, singles))
            lone = Lone(alone, sql_use(log.counts(), alone.messages))
            self._tell(f"{MODEST_RATE:g} events a second")
            modest = load.paced(publisher, watch, min(MODEST_MESSAGES, singles), MODEST_RATE)
            self._tell(f"{singles:,} single events")
            of_singles = self._observed(log, lambda: load.singles(publisher, watch, singles))
            of_bulk = None
            if bulk:
                self._tell(f"a bulk of {bulk:,}")
                with tempfile.TemporaryDirectory(prefix="allim-bench-") as folder:
                    file = File(folder, "customers.csv")
                    load.write_customers(file, bulk)
                    of_bulk = self._observed(log, lambda: load.bulk(stack, watch, file, bulk))
        beside_import = None
        if imported:
            self._tell(f"a neighbour beside an import of {imported:,}")
            events = min(QUIET_EVENTS, singles)
            beside_import = beside_an_import(self._home, stack, publisher, watch, customers=imported, events=events)
        checked = check(stack.simulator_url, watch.ids())
        of_neighbour = None
        if beside:
            self._tell(f"{beside:,} messages beside a neighbour's {crowd.TIMES * beside:,}")
            of_neighbour = crowd.measure(stack, watch, publisher, messages=beside, rate=MODEST_RATE)
        of_due = None
        if timers:
            self._tell(f"{timers:,} reminders within a minute, and in one second")
            of_due = due.measure(stack, watch, timers=timers)
        self._tell("the floor")
        floors = self._sql_floors(max(singles, bulk))
        bare = http_floor(singles)
        self._tell("imports")
        imports = self._import_costs(import_tries)
        return Results(
            machine=on,
            broker=stack.broker,
            begun_at=begun_at,
            seconds=round(time.monotonic() - begun, 1),
            lone=lone,
            modest=modest,
            singles=of_singles,
            bulk=of_bulk,
            beside_import=beside_import,
            sql_floor=floors,
            http_floor=bare,
            imports=imports,
            check=checked,
            neighbour=of_neighbour,
            due=of_due,
            history=None,
        )

    def close(self) -> None:
        self._publisher.close()
        self._watch.close()

    def _observed(self, log: StatementLog, burst: Callable[[], load.Burst]) -> Path:
        """Run a load from rest, and see what it took until all is at rest again."""
        self._watch.until_quiet()
        log.mark()
        before = cpu_by_process(self._home)
        done = burst()
        used = spent(before, cpu_by_process(self._home))
        self._watch.until_quiet()
        return path(done, log.counts(), used)

    def _sql_floors(self, messages: int) -> list[SqlFloor]:
        pid = self._stack.processes["postgres"]
        return [
            sql_floor(
                self._stack.database_url,
                pid,
                messages,
                connections=connections,
                with_events=with_events,
                database="allim_floor",
            )
            for with_events in (True, False)
            for connections in (1, 2)
        ]

    def _tell(self, what: str) -> None:
        self._console.print(f"[dim]{what} …[/dim]")


def main(arguments: list[str] | None = None) -> int:
    """The command line; `arguments` are the process's own unless given."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--singles", type=int, default=20_000, help="events published one by one")
    parser.add_argument("--bulk", type=int, default=100_000, help="messages of the bulk; 0 leaves it out")
    parser.add_argument(
        "--imported", type=int, default=200_000, help="customers imported beside a neighbour's events; 0: none"
    )
    parser.add_argument(
        "--beside", type=int, default=500, help="messages beside a neighbour's 100 times as many; 0: none"
    )
    parser.add_argument(
        "--timers", type=int, default=100_000, help="reminders due within a minute, and as many in one second; 0: none"
    )
    parser.add_argument(
        "--history", type=int, default=1_000_000, help="messages of history, against 10,000; 0 leaves it out"
    )
    parser.add_argument("--import-tries", type=int, default=5, help="processes for each function's import")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs, instead of tables")
    options = parser.parse_args(arguments)
    sizes = options.bulk, options.imported, options.beside, options.timers
    if options.singles < 1 or min(sizes) < 0 or options.import_tries < 1:
        parser.error("--singles and --import-tries are at least 1, all other sizes at least 0")
    if 0 < options.history < LITTLE:
        parser.error(f"--history is 0, or at least {LITTLE:,}")
    progress = Console(stderr=True)

    def tell(what: str) -> None:
        progress.print(f"[dim]{what} …[/dim]")

    try:
        check_room(Home.default().root, options.history)
        with fresh_stack() as (home, stack):
            bench = Bench(home, stack, progress)
            try:
                results = bench.run(
                    singles=options.singles,
                    bulk=options.bulk,
                    imported=options.imported,
                    beside=options.beside,
                    timers=options.timers,
                    import_tries=options.import_tries,
                )
            finally:
                bench.close()
        if options.history:
            history = measure_history(messages=options.history, singles=HISTORY_SINGLES, tell=tell)
            results = replace(results, history=history)
    except (StackError, BenchError) as error:
        progress.print(f"[red]error:[/red] {error}")
        return 1
    as_json = to_json(results, indent=2)
    RESULTS.write_bytes(as_json + b"\n")
    if options.json:
        print(as_json.decode())
    else:
        show(results, Console())
        progress.print(f"[dim]written to {RESULTS}[/dim]")
    return 0 if results.check.exactly_once else 1


if __name__ == "__main__":
    sys.exit(main())

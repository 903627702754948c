"""The command line of `python -m bench.timers`."""

from __future__ import annotations

import argparse
import sys

from pydantic_core import to_json
from rich.console import Console

from bench.neighbours.stage import warm_stack
from bench.timers import due
from bench.watch import BenchError
from local.stack import StackError

WARM_UP = 100


def main(arguments: list[str] | None = None) -> int:
    """The command line; `arguments` are the process's own unless given."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.timers", description=due.__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--timers", type=int, default=100_000, help="reminders, within a minute and in one second")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs, instead of a table")
    options = parser.parse_args(arguments)
    if options.timers < 1:
        parser.error("--timers is at least 1")
    try:
        with warm_stack(min(WARM_UP, options.timers)) as on:
            found = due.measure(on.stack, on.watch, timers=options.timers)
    except (StackError, BenchError) as error:
        Console(stderr=True).print(f"[red]error:[/red] {error}")
        return 1
    if options.json:
        print(to_json({"due": found}, indent=2).decode())
    else:
        due.show(found, Console())
    return 0


if __name__ == "__main__":
    sys.exit(main())

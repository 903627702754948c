"""`python -m bench.neighbours`: a neighbour's p99 beside an import, alone."""

from __future__ import annotations

import argparse
import sys

from pydantic_core import to_json
from rich.console import Console

from bench import load
from bench.home import fresh_stack
from bench.neighbours.measuring import QUIET_EVENTS, beside_an_import
from bench.report import show_neighbour
from bench.saas import give_credit
from bench.watch import BenchError, Watch
from local.examples.loading import load as load_examples
from local.stack import StackError


def main(arguments: list[str] | None = None) -> int:
    """The command line; `arguments` are the process's own unless given."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.neighbours", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--customers", type=int, default=200_000, help="of the file that is imported")
    parser.add_argument("--events", type=int, default=QUIET_EVENTS, help="of the neighbour, in each phase at least")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs, instead of a table")
    options = parser.parse_args(arguments)
    if options.customers < 1 or options.events < 1:
        parser.error("--customers and --events are at least 1")
    progress = Console(stderr=True)
    try:
        with fresh_stack() as (home, stack):
            load_examples(stack)
            give_credit(stack)
            watch, publisher = Watch(stack.database_url), load.Publisher(stack)
            try:
                load.singles(publisher, watch, min(load.WARM_UP, options.events))
                found = beside_an_import(
                    home, stack, publisher, watch, customers=options.customers, events=options.events
                )
            finally:
                publisher.close()
                watch.close()
    except (StackError, BenchError) as error:
        progress.print(f"[red]error:[/red] {error}")
        return 1
    if options.json:
        print(to_json(found, indent=2).decode())
    else:
        show_neighbour(found, Console())
    return 0


if __name__ == "__main__":
    sys.exit(main())

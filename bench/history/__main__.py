"""`python -m bench.history`: audit, backup, what people ask, loops and single events over little history and over much.

Two stacks come up one after the other, each with a year of history that is filled in by SQL, and every figure is by the
product's own code. Ten million messages need about 30 GB of disk where ALLIM_HOME is, and half an hour.
"""

from __future__ import annotations

import argparse
import sys

from pydantic_core import to_json
from rich.console import Console

from bench.history.figures import rows
from bench.history.measuring import LITTLE, SINGLES, measure
from bench.history.report import show
from bench.watch import BenchError
from local.stack import StackError


def main(arguments: list[str] | None = None) -> int:
    """The command line; `arguments` are the process's own unless given. Gives 1 where a figure is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.history", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=1_000_000, help="of history; rounded up to whole thousands")
    parser.add_argument("--singles", type=int, default=SINGLES, help="events in each round of single ones")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs, instead of a table")
    options = parser.parse_args(arguments)
    if options.messages < LITTLE or options.singles < 1:
        parser.error(f"--messages is at least {LITTLE:,}, --singles at least 1")
    progress = Console(stderr=True)
    try:
        found = measure(
            messages=options.messages,
            singles=options.singles,
            tell=lambda what: progress.print(f"[dim]{what} …[/dim]"),
        )
    except (StackError, BenchError) as error:
        progress.print(f"[red]error:[/red] {error}")
        return 1
    if options.json:
        print(to_json(found, indent=2).decode())
    else:
        show(found, Console())
    return 0 if all(row.reached for row in rows(found)) else 1


if __name__ == "__main__":
    sys.exit(main())

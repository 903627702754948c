"""`python -m bench.neighbours.crowd`: how long a tenant's messages take while nobody else sends, and beside a neighbour
that sends a hundred times as many."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pydantic_core import to_json
from rich.console import Console
from rich.table import Table

from bench import load
from bench.load import Latency
from bench.neighbours.stage import WANTED, warm_stack
from bench.saas import give_credit
from bench.watch import BenchError, Watch
from local.stack import Stack, StackError
from shared.platform.clock import WallClock
from shared.platform.database import Database
from shared.templates.store import save_templates
from shared.templates.template import TemplateContent

NEIGHBOUR = "learning"
TEMPLATE = "bench-notice"
NOTICE = TemplateContent.model_validate({"sms": {"text": "[차곡차곡 영어] 수업 시간이 바뀌었습니다."}})

TIMES = 100
"""How many times as many messages the neighbour has."""

WARM_UP = 100


@dataclass(frozen=True, slots=True)
class Beside:
    """One tenant's events at a modest rate. quiet: while nobody else sends; beside: while the messages of a neighbour,
    `neighbours` of them, wait to be sent."""

    quiet: Latency
    beside: Latency
    neighbours: int

    @property
    def ratio(self) -> float:
        """By how much the 99th percentile grows."""
        return round(self.beside.p99_ms / self.quiet.p99_ms, 3)


def measure(
    stack: Stack, watch: Watch, publisher: load.Publisher, *, messages: int, rate: float, times: int = TIMES
) -> Beside:
    """Measure both on a stack with the example tenants, and wait until the neighbour's last message has left.

    Args:
        stack: a running one.
        watch: sees when messages are delivered.
        publisher: of events.
        messages: of the tenant, in each of both.
        rate: its events a second.
        times: how many times as many the neighbour has.

    Raises:
        BenchError: messages were not delivered.
    """
    give_credit(stack, NEIGHBOUR)
    asyncio.run(_give_template(stack))
    watch.until_quiet()
    quiet = load.paced(publisher, watch, messages, rate)
    watch.until_quiet()
    with tempfile.TemporaryDirectory(prefix="allim-bench-") as folder:
        file = Path(folder, "customers.csv")
        load.write_customers(file, times * messages)
        asyncio.run(load.send(stack, file, tenant=NEIGHBOUR, template=TEMPLATE))
    beside = load.paced(publisher, watch, messages, rate)
    watch.until_quiet()
    return Beside(quiet, beside, times * messages)


async def _give_template(stack: Stack) -> None:
    database = Database(stack.database_url, pool_size=1)
    try:
        async with database.transaction() as connection:
            now = WallClock().now()
            await save_templates(connection, NEIGHBOUR, {TEMPLATE: (NOTICE, "approved")}, now=now)
    finally:
        await database.close()


def show(found: Beside, console: Console) -> None:
    """Print it as a table."""
    title = f"A neighbour with {found.neighbours:,} messages, beside {found.quiet.rate:g} events a second"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold", title_style="bold")
    table.add_column("")
    for column in ("messages", "p50 ms", "p99 ms", "max ms"):
        table.add_column(column, justify="right")
    for name, latency in (("quiet", found.quiet), ("beside it", found.beside)):
        figures = latency.p50_ms, latency.p99_ms, latency.max_ms
        table.add_row(name, f"{latency.messages:,}", *(f"{figure:.0f}" for figure in figures))
    console.print()
    console.print(table)
    console.print(f"p99 beside it is {found.ratio:g} times the quiet one; wanted: {WANTED:g} at most")


def main(arguments: list[str] | None = None) -> int:
    """The command line; `arguments` are the process's own unless given."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.neighbours.crowd",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--messages", type=int, default=500, help="the tenant's own, quiet and beside the neighbour")
    parser.add_argument("--rate", type=float, default=50, help="its events a second")
    parser.add_argument("--times", type=int, default=TIMES, help="how many times as many the neighbour has")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs, instead of a table")
    options = parser.parse_args(arguments)
    if options.messages < 1 or options.rate <= 0 or options.times < 1:
        parser.error("--messages and --times are at least 1, --rate is more than 0")
    try:
        with warm_stack(min(WARM_UP, options.messages)) as on:
            found = measure(
                on.stack, on.watch, on.publisher, messages=options.messages, rate=options.rate, times=options.times
            )
    except (StackError, BenchError) as error:
        Console(stderr=True).print(f"[red]error:[/red] {error}")
        return 1
    if options.json:
        print(to_json({"ratio": found.ratio, "neighbour": found}, indent=2).decode())
    else:
        show(found, Console())
    return 0


if __name__ == "__main__":
    sys.exit(main())

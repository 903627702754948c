"""`python -m bench.profile`: CPU time of what functions do, each in this one process, on a Postgres of its own.

A way's requests go through what `main.py` puts around its handler, so all that is ours is in the figure, and nothing of
a server, of Pub/Sub or of a provider's network. Only this process's CPU counts: what else the machine does matters
little, and of several rounds the best is told.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.profile.stage import Stage, stage

ROUNDS = 3
SHOWN = 40

WAYS: dict[str, Callable[[Stage, int], Awaitable[Callable[[], Awaitable[None]]]]] = {
    "intake": Stage.intake,
    "sending": Stage.sending,
    "reports": Stage.reports,
    "bulk": Stage.bulk,
    "timers": Stage.timers,
}


async def measure(where: Stage, way: str, count: int, profiler: cProfile.Profile | None) -> float:
    """CPU milliseconds for 1,000 of `count` messages; what they need beforehand is not counted."""
    work = await WAYS[way](where, count)
    with profiler or nullcontext():
        begun = time.process_time()
        await work()
        spent = time.process_time() - begun
    return spent / count * 1e6


async def run(ways: list[str], count: int, rounds: int, profiler: cProfile.Profile | None) -> dict[str, float]:
    """The best of some rounds of each way, one after another so that a busy moment meets them all."""
    with tempfile.TemporaryDirectory(prefix="allim-profile-") as folder:
        async with stage(Path(folder)) as where:
            for way in ways:  # what is read, compiled and connected once is no message's
                await measure(where, way, min(count, 200), None)
            found = [{way: await measure(where, way, count, profiler) for way in ways} for _ in range(rounds)]
    return {way: min(one[way] for one in found) for way in ways}


def main(arguments: list[str] | None = None) -> int:
    """The command line; `arguments` are the process's own unless given."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.profile", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("ways", nargs="*", metavar="way", help=f"{', '.join(WAYS)}; all of them unless named")
    parser.add_argument("--count", type=int, default=2_000, help="messages a round")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of which the best is told")
    parser.add_argument("--functions", action="store_true", help="also which functions take it; this costs time itself")
    options = parser.parse_args(arguments)
    if unknown := set(options.ways) - WAYS.keys():
        parser.error(f"no way is called {', '.join(sorted(unknown))}; there are {', '.join(WAYS)}")
    if options.count < 1 or options.rounds < 1:
        parser.error("--count and --rounds are at least 1")
    profiler = cProfile.Profile() if options.functions else None
    found = asyncio.run(run(options.ways or list(WAYS), options.count, options.rounds, profiler))
    table = Table("way", "CPU ms for 1,000")
    for way, spent in found.items():
        table.add_row(way, f"{spent:.0f}")
    Console().print(table)
    if profiler:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(SHOWN)
    return 0


if __name__ == "__main__":
    sys.exit(main())

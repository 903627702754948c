"""`allim demo`: a day of three businesses, from events to delivered messages, with a verdict."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli.output import AsJson, examples, print_json, progress_console

if TYPE_CHECKING:
    from local.home import Home
    from local.stack import Stack

EXAMPLES = examples(
    "allim demo              # about forty seconds; exit 0 only if everybody heard what they should, exactly once",
    "allim demo --chaos 7    # the same while functions are killed and everything comes twice and in any order",
    "allim demo --broker google   # with Google's Pub/Sub emulator",
    "allim demo --providers all   # a shop with an account at every provider, one of which is away for a while",
    "allim demo --json       # the verdict and its counts, for programs",
)

DEFAULT_SEED = 2026


def demo(
    chaos: Annotated[
        int | None,
        typer.Option(metavar="SEED", help="Kill functions, double and reorder pushes and reports; takes two minutes."),
    ] = None,
    broker: Annotated[
        Literal["auto", "built-in", "google"],
        typer.Option(help="Whose Pub/Sub. Google's emulator (auto: when it is installed) is slow: a tenth of the day."),
    ] = "built-in",
    providers: Annotated[
        Literal["one", "all"],
        typer.Option(help="all: orders of a shop that sends by every provider, during an outage that is made."),
    ] = "one",
    as_json: AsJson = False,
) -> None:
    """Start everything afresh, play a day of three businesses, judge what came of it, and stop everything.

    It has a folder, a database and ports of its own: what is up already is neither used nor disturbed.
    """
    if providers == "all":
        _fail_over(broker, as_json=as_json)
        return
    from cli.stack.demo_live import Live
    from cli.stack.demo_verdict import as_data, show
    from local.demo.play import Player
    from local.demo.timeline import timeline
    from local.demo.verdict import judge

    begun = time.monotonic()
    with _own_stack(broker) as (home, stack):
        ready = time.monotonic()
        live = Live(progress_console(), broker=stack.broker, chaos=chaos)
        player = Player(
            home, stack, seed=DEFAULT_SEED if chaos is None else chaos, chaos=chaos is not None, show=live.show
        )
        with live, contextlib.closing(player):
            played = player.play()
        verdict = judge(played.expectation, played.observation)
        told = timeline(stack, played.expectation, played.observation.messages)
        if not verdict.good:
            kept = _keep(home)
            typer.echo(f"the logs of this run are kept in {kept}", err=True)
    seconds = {"start": ready - begun, "total": time.monotonic() - begun}
    if as_json:
        print_json(as_data(played, verdict, told, seconds=seconds, chaos=chaos, broker=stack.broker))
    else:
        show(played, verdict, told, seconds=seconds, chaos=chaos, broker=stack.broker)
    if not verdict.good:
        raise typer.Exit(1)


def _fail_over(broker: Literal["auto", "built-in", "google"], *, as_json: bool) -> None:
    from cli.stack.demo_failover import as_data, show
    from local.demo.failover import play

    begun = time.monotonic()
    with _own_stack(broker) as (home, stack):
        with progress_console().status("orders come in …") as status:
            played = play(stack, status.update)
        if not played.good:
            typer.echo(f"the logs of this run are kept in {_keep(home)}", err=True)
    seconds = time.monotonic() - begun
    if as_json:
        print_json(as_data(played, seconds))
    else:
        show(played, seconds)
    if not played.good:
        raise typer.Exit(1)


@contextlib.contextmanager
def _own_stack(broker: Literal["auto", "built-in", "google"]) -> Iterator[tuple[Home, Stack]]:
    """A fresh stack with the examples in it; nothing is left of it afterwards."""
    from local.examples.loading import load
    from local.home import Home
    from local.stack import start_stack, stop_stack

    os.environ.pop("DATABASE_URL", None)  # the user's own Postgres is for `allim up`; this one is thrown away
    home = Home(Path(tempfile.mkdtemp(prefix="allim-demo-")).resolve())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # whoever ends it wants no stack left
    try:
        with progress_console().status("starting Postgres, Pub/Sub, the provider simulator and the functions …"):
            stack = start_stack(home, broker=broker)
            load(stack)
        yield home, stack
    finally:
        with progress_console().status("stopping …"):
            stop_stack(home, purge=True)
        shutil.rmtree(home.root, ignore_errors=True)


def _keep(home: Home) -> Path:
    """Copy the logs of a run that went wrong to where they stay."""
    kept = Path(tempfile.mkdtemp(prefix="allim-demo-logs-"))
    shutil.copytree(home.logs, kept, dirs_exist_ok=True)
    return kept

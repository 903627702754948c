"""`allim up`: start everything on this machine."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli.errors import CommandError
from cli.output import AsJson, examples, print_json, print_table, progress_console, say
from shared.platform.plurals import counted

if TYPE_CHECKING:
    from local.home import Home, State
    from local.stack import Stack

EXAMPLES = examples(
    "allim up                     # everything, with the example tenants",
    "allim up --empty             # without them",
    "allim up --broker built-in   # not Google's Pub/Sub emulator, even where it is installed",
    "DATABASE_URL=postgresql://me@localhost/postgres allim up   # your own Postgres (15 to 18), in a database `allim`",
)


def up(
    broker: Annotated[
        Literal["auto", "built-in", "google"],
        typer.Option(help="Whose Pub/Sub: Google's emulator (auto: when it is installed) or the built-in one."),
    ] = "auto",
    empty: Annotated[bool, typer.Option("--empty", help="Without the example tenants.")] = False,
    as_json: AsJson = False,
) -> None:
    """Start the whole system on this machine and wait until it is ready.

    It keeps running in the background; `allim down` stops it. Data stays from one start to the next.
    """
    from local.examples.loading import load
    from local.home import Home
    from local.stack import start_stack
    from shared.platform.database.migrations import pending

    home = Home.default()
    started = time.monotonic()
    was_up = home.is_supervised()
    with progress_console().status("starting …") as line:
        stack = start_stack(home, broker=broker, on_progress=lambda state: line.update(_progress(state)))
    if was_up and broker not in ("auto", stack.broker):
        raise CommandError(f"already_up: it runs with the {stack.broker} broker: `allim down` first")
    if was_up and pending(stack.database_url):
        raise CommandError("older_release: what is up is of an older release: `allim down`, then `allim up`")
    loaded = None if empty else load(stack)
    if as_json:
        print_json(stack)
        return
    typer.echo("already up" if was_up else f"ready in {time.monotonic() - started:.1f} s")
    if loaded is not None:
        say(
            f"{counted(loaded.tenants, 'example tenant')}: {counted(loaded.templates, 'template')}, "
            f"{counted(loaded.workflows, 'workflow')}, {counted(loaded.customers, 'customer')}"
        )
    _show(stack, home)


def _progress(state: State) -> str:
    waiting = [name for name, record in state.services.items() if record.state != "ready"]
    ready = len(state.services) - len(waiting)
    return f"{ready} of {len(state.services)} ready; waiting for {', '.join(waiting) or 'the database'}"


def _show(stack: Stack, home: Home) -> None:
    from psycopg.conninfo import conninfo_to_dict

    database = conninfo_to_dict(stack.database_url)
    addresses: list[tuple[str, str | None]] = [
        ("Postgres", f"{database.get('host', '')}:{database.get('port', 5432)}/{database['dbname']}"),
        (f"Pub/Sub ({stack.broker})", stack.pubsub_emulator_host),
        ("providers (simulator)", stack.simulator_url),
        ("alerts (simulated Slack)", f"{stack.simulator_url}/control/slack"),
        *stack.functions.items(),
    ]
    print_table(["", "address"], addresses)
    say(f"Addresses and credentials for programs: {home.stack_file}")

"""`allim keys`: the keys that seal credentials and cards."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.errors import CommandError
from cli.joining import owners_database_url, run_with_database, running_stack_if_any
from cli.output import AsJson, examples, print_json, print_table, progress_bar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shared.operations.keys.rotating import Holdings, Rotation, Unopened
    from shared.platform.crypto import Keys
    from shared.platform.database import Database

SHOW_EXAMPLES = examples(
    "allim keys show          # what is sealed with which key",
    "DATABASE_URL=… ALLIM_ENCRYPTION_KEY=NEW,OLD allim keys show --json   # in the cloud, as the database's owner",
)
ROTATE_EXAMPLES = examples(
    "DATABASE_URL=… ALLIM_ENCRYPTION_KEY=NEW,OLD allim keys rotate   # seal with NEW what OLD sealed; safe at any time",
)

DatabaseUrl = Annotated[
    str | None,
    typer.Option(help="The database, as its owner. (Default: the stack that is up here, else DATABASE_URL.)"),
]

app = typer.Typer(help="The keys that seal credentials and cards.", no_args_is_help=True)


@app.callback()
def keys() -> None:
    """The keys that seal credentials and cards."""


@app.command(epilog=SHOW_EXAMPLES)
def show(database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Show which keys there are, by their ids, and how many values are sealed with each.

    The keys are those of ALLIM_ENCRYPTION_KEY: the first seals, all of them open. No key is shown.
    """
    from shared.operations.keys.rotating import holdings

    loaded = _loaded(database_url)
    held = run_with_database(database_url or owners_database_url(), holdings)
    if as_json:
        print_json(_as_json(loaded, held, []))
    else:
        _table(loaded, held)


@app.command(epilog=ROTATE_EXAMPLES)
def rotate(database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Seal every value anew with the first key of ALLIM_ENCRYPTION_KEY, while all runs.

    It may be ended and begun again at any moment. It says which keys may be dropped then, and exits with 1 when
    there is a value that none of the keys opens.
    """
    from shared.operations.keys import rotating

    loaded = _loaded(database_url)

    async def work(database: Database) -> Rotation:
        before = await rotating.holdings(database)
        todo = sum(sum(places.values()) for key, places in before.items() if key != loaded.sealing)
        with progress_bar() as bar:
            task = bar.add_task("sealing anew", total=todo)
            advance: Callable[[int], None] = lambda more: bar.advance(task, more)  # noqa: E731
            return await rotating.rotate(database, loaded, advance)

    done = run_with_database(database_url or owners_database_url(), work)
    if as_json:
        print_json({"resealed": done.resealed, **_as_json(loaded, done.held, done.unopened)})
    else:
        _tell(loaded, done)
    if done.unopened:
        raise typer.Exit(1)


def keys_if_any(database_url: str | None) -> Keys | None:
    """Those of the stack that is up here; of a database that is named, those of ALLIM_ENCRYPTION_KEY alone."""
    from shared.platform.crypto import Keys
    from shared.platform.settings import read_keys

    stack = None if database_url else running_stack_if_any()
    written = stack.encryption_key if stack else os.environ.get("ALLIM_ENCRYPTION_KEY")
    return Keys(read_keys(written)) if written else None


def _loaded(database_url: str | None) -> Keys:
    keys = keys_if_any(database_url)
    if keys is None:
        raise CommandError("no_keys: start a stack (`allim up`), or set ALLIM_ENCRYPTION_KEY: NEW,OLD")
    return keys


def _rows(loaded: Keys, held: Holdings) -> list[dict[str, Any]]:
    from shared.operations.keys.rotating import PLACES, UNNAMED

    ids = [*loaded.ids, *sorted(key for key in held if key not in loaded.ids and key != UNNAMED)]
    return [
        {
            "id": key,
            "does": "seals" if key == loaded.sealing else "opens" if key in loaded.ids else "is missing",
            **{place.name: held.get(key, {}).get(place.name, 0) for place in PLACES},
        }
        for key in [*ids, *([UNNAMED] if UNNAMED in held else [])]
    ]


def _as_json(loaded: Keys, held: Holdings, unopened: Sequence[Unopened]) -> dict[str, Any]:
    from dataclasses import asdict

    from shared.operations.keys.rotating import UNNAMED, may_be_dropped

    rows = _rows(loaded, held)
    return {
        "keys": [row for row in rows if row["id"] != UNNAMED],
        "without_id": held.get(UNNAMED, {}),
        "may_be_dropped": may_be_dropped(loaded, held, unopened),
        "unopened": [asdict(value) for value in unopened],
    }


def _table(loaded: Keys, held: Holdings) -> None:
    rows = [
        (row["id"] or "(none)", row["does"] if row["id"] else "from before keys had ids", row["accounts"], row["cards"])
        for row in _rows(loaded, held)
    ]
    print_table(["id", "it", "accounts", "cards"], rows)


def _tell(loaded: Keys, done: Rotation) -> None:
    from shared.operations.keys.rotating import may_be_dropped

    typer.echo("sealed anew: " + ", ".join(f"{place} {number:,}" for place, number in done.resealed.items()))
    _table(loaded, done.held)
    for value in done.unopened:
        whose = f"{value.tenant}/{value.id}" if value.id else value.tenant
        typer.echo(f"{value.place}: {whose} has to be registered again, or its key is missing: {value.why}")
    droppable = may_be_dropped(loaded, done.held, done.unopened)
    for key in loaded.ids[1:]:
        if key in droppable:
            typer.echo(
                f"{key} may be dropped once {loaded.sealing} is the first key of every function: no value needs it. "
                "Keep a copy for as long as there are backups from before."
            )
        elif number := sum(done.held.get(key, {}).values()):
            typer.echo(f"{key} must stay: values sealed with it: {number:,}")
        else:
            typer.echo(f"{key} must stay: there are values without a key's id that it may open")

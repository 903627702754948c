"""`allim migrate`: bring a database to the newest schema."""

from typing import Annotated

import typer

from cli.joining import owners_database_url
from cli.output import AsJson, examples, print_json

EXAMPLES = examples(
    "allim migrate   # the database of the stack that is up here",
    "DATABASE_URL=postgresql://owner@db.example/postgres allim migrate   # without a stack: this very database",
)


def migrate(
    database_url: Annotated[
        str | None,
        typer.Option(help="The database, as its owner and over a direct connection (not a transaction pooler)."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Apply the migrations that a database lacks. Safe at any time, also twice at once.

    Without --database-url: the database of the stack that is up here, else the one of DATABASE_URL.
    """
    from shared.platform.database.migrations import migrate as apply

    applied = apply(database_url or owners_database_url())
    if as_json:
        print_json({"applied": applied})
    else:
        typer.echo("\n".join(f"applied {name}" for name in applied) or "nothing to apply")

"""`allim migrate`: bring a database to the newest schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.joining import owners_database_url, run_with_database
from cli.operations.keys import keys_if_any
from cli.output import AsJson, examples, print_json

if TYPE_CHECKING:
    from shared.platform.database import Database

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
    It makes the partitions of the next three months. With ALLIM_ENCRYPTION_KEY it also does what SQL can't: accounts
    from before provider_webhook kept digests of their secrets are given theirs.
    """
    from shared.platform.database.migrations import migrate as apply

    url = database_url or owners_database_url()
    applied = apply(url)
    made = run_with_database(url, _make_months)
    waiting = run_with_database(url, lambda database: _fill_in(database, database_url))
    if as_json:
        print_json({"applied": applied, "made": made, "accounts_without_calls": waiting})
        return
    typer.echo("\n".join(f"applied {name}" for name in applied) or "nothing to apply")
    if made:
        typer.echo(f"made {made:,} partitions ahead")
    if waiting:
        typer.echo(
            f"accounts whose provider's calls are refused: {waiting:,}. Their secrets are sealed: run `allim migrate` "
            "again with the ALLIM_ENCRYPTION_KEY that opens them, or register them again"
        )


async def _make_months(database: Database) -> int:
    """How many partitions were made; the function `retention` does it each night, and mends it if this can't."""
    from shared.operations.retention.retaining import Retention
    from shared.platform.clock import WallClock

    return await Retention(database, WallClock()).make_months()


async def _fill_in(database: Database, database_url: str | None) -> int:
    """How many accounts take no calls from their provider until somebody with the key was here."""
    from shared.tenants.accounts import fill_in_channels, fill_in_digests
    from shared.tenants.webhook_store import count_unfilled

    await fill_in_channels(database)
    async with database.connection() as connection:
        waiting = await count_unfilled(connection)
    keys = keys_if_any(database_url) if waiting else None
    return waiting if keys is None else await fill_in_digests(database, keys)

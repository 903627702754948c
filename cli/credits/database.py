"""What the verbs of `allim credits` and `allim plans` share: whose, in which database, and how errors are told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from cli.errors import CommandError
from cli.joining import run_with_database
from cli.operations.migrate import owners_database_url

if TYPE_CHECKING:
    from shared.platform.database import Connection, Database

Result = TypeVar("Result")

Tenant = Annotated[str, typer.Option(help="Whose.")]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(help="The database, as its owner. (Default: the stack that is up here, else DATABASE_URL.)"),
]


def with_ledger(database_url: str | None, work: Callable[[Connection], Awaitable[Result]]) -> Result:
    """Run `work` in a transaction. Its CreditErrors become one line, in English and in Korean."""

    async def in_transaction(database: Database) -> Result:
        async with database.transaction() as connection:
            return await work(connection)

    return with_credits(database_url, in_transaction)


def with_credits(
    database_url: str | None, work: Callable[[Database], Awaitable[Result]], *, pool_size: int = 1
) -> Result:
    """Run `work` with a database. Its CreditErrors become one line, in English and in Korean."""
    from shared.credits.errors import CreditError

    async def told(database: Database) -> Result:
        try:
            return await work(database)
        except CreditError as error:
            raise CommandError(f"{error.code}: {error.detail} ({error.detail_ko})") from error

    return run_with_database(database_url or owners_database_url(), told, pool_size=pool_size)

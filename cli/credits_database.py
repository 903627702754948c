"""What the verbs of `allim credits` have in common: whose credit, in which database, and how its errors are told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from cli.errors import CommandError
from cli.migrate import owners_database_url

if TYPE_CHECKING:
    from shared.platform.database import Connection

Result = TypeVar("Result")

Tenant = Annotated[str, typer.Option(help="Whose.")]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(help="The database, as its owner. (Default: the stack that is up here, else DATABASE_URL.)"),
]


def with_ledger(database_url: str | None, work: Callable[[Connection], Awaitable[Result]]) -> Result:
    """Run `work` in a transaction. Its CreditErrors become one line, in English and in Korean."""
    from shared.credits import CreditError
    from shared.platform.database import Database

    async def run() -> Result:
        database = Database(database_url or owners_database_url(), pool_size=1)
        try:
            async with database.transaction() as connection:
                return await work(connection)
        finally:
            await database.close()

    try:
        return asyncio.run(run())
    except CreditError as error:
        raise CommandError(f"{error.code}: {error.detail} ({error.detail_ko})") from error

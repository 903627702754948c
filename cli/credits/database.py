"""What the verbs of `allim credits` and `allim plans` share: whose, and in which database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from cli.joining import owners_database_url, run_with_database

if TYPE_CHECKING:
    from shared.platform.database import Connection, Database

Result = TypeVar("Result")

Tenant = Annotated[str, typer.Option(help="Whose.")]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(help="The database, as its owner. (Default: the stack that is up here, else DATABASE_URL.)"),
]


def with_ledger(
    database_url: str | None, work: Callable[[Connection], Awaitable[Result]], *, tenant: str | None = None
) -> Result:
    """Run `work` in a transaction. `tenant`: whom it is about; one that there is not is refused."""

    async def in_transaction(database: Database) -> Result:
        async with database.transaction() as connection:
            return await work(connection)

    return with_credits(database_url, in_transaction, tenant=tenant)


def with_credits(
    database_url: str | None,
    work: Callable[[Database], Awaitable[Result]],
    *,
    tenant: str | None = None,
    pool_size: int = 1,
) -> Result:
    """Run `work` with a database. `tenant`: whom it is about; one that there is not is refused."""
    return run_with_database(database_url or owners_database_url(), work, tenant=tenant, pool_size=pool_size)

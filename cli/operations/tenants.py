"""`allim tenants`: the businesses that send."""

from __future__ import annotations

import asyncio
import os
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import CommandError
from cli.joining import running_stack_if_any
from cli.output import examples

if TYPE_CHECKING:
    from local.examples.files import Example

EXAMPLES = examples(
    "allim tenants add ../my-business                     # to the stack that is up here",
    "allim tenants add ../my-business --credit 100000     # with 100,000 won to begin with",
    "DATABASE_URL=… ALLIM_ENCRYPTION_KEY=… allim tenants add ../my-business   # in the cloud, as the database's owner",
)

app = typer.Typer(help="The businesses that send.", no_args_is_help=True)


@app.callback()
def tenants() -> None:
    """The businesses that send."""


@app.command(epilog=EXAMPLES)
def add(
    folder: Annotated[
        Path, typer.Argument(help="Holds tenant.yaml, templates/, workflows/, customers.csv, groups.csv.")
    ],
    credit: Annotated[int, typer.Option(min=0, help="Won to begin with, given once.")] = 0,
) -> None:
    """Add a tenant from a folder like those in examples/, or bring one up to date with its changed folder.

    The stack that is up here gets it, and its simulator learns of the account; where none is up, the database of
    DATABASE_URL gets it.
    """
    from local.examples.files import read_example

    if not folder.is_dir():
        raise CommandError(f"no_folder: {folder} is not a folder; examples/saas is one to copy")
    example = read_example(folder)
    stack = running_stack_if_any()
    if stack is None:
        url, key = _from_environment("DATABASE_URL"), _from_environment("ALLIM_ENCRYPTION_KEY")
    else:
        url, key = stack.database_url, stack.encryption_key
    asyncio.run(_write(url, key, example, Decimal(credit)))
    if stack is not None:
        from local.examples.loading import register_with_simulator

        register_with_simulator(stack, [example])
    account = example.account
    address = (stack and stack.webhook_url) or "<provider_webhook_address>"
    typer.echo(f"{account.tenant} is there; its webhook is {address}/{account.provider}/{account.tenant}/{account.id}")


def _from_environment(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise CommandError(f"no_stack: nothing is up here; run `allim up`, or set {name} for a stack in the cloud")
    return value


async def _write(url: str, key: str, example: Example, credit: Decimal) -> None:
    from local.examples.loading import write_example
    from shared.platform.clock import WallClock
    from shared.platform.crypto import Keys
    from shared.platform.database import Database
    from shared.platform.settings import read_keys

    keys, database, now = Keys(read_keys(key)), Database(url, pool_size=1), WallClock().now()
    try:
        async with database.transaction() as connection:
            changed_at = min(now, example.customers_changed_at)
            await write_example(connection, keys, example, credit=credit, customers_changed_at=changed_at, now=now)
    finally:
        await database.close()

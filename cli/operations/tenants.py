"""`allim tenants`: the businesses that send."""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.errors import CommandError
from cli.joining import running_stack_if_any
from cli.output import examples, say
from cli.showing import WON

if TYPE_CHECKING:
    from local.examples.files import Example

EXAMPLES = examples(
    "allim tenants add ../my-business                     # to the stack that is up here",
    "allim tenants add ../my-business --credit 100,000    # with 100,000 won to begin with",
    "DATABASE_URL=… ALLIM_ENCRYPTION_KEY=… allim tenants add ../my-business   # in the cloud, as the database's owner",
)
KEY_BYTES = 32

app = typer.Typer(help="The businesses that send.", no_args_is_help=True)


@app.callback()
def tenants() -> None:
    """The businesses that send."""


@app.command(epilog=EXAMPLES)
def add(
    folder: Annotated[
        Path, typer.Argument(help="Holds tenant.yaml, templates/, workflows/, customers.csv, groups.csv.")
    ],
    credit: Annotated[str, typer.Option(**WON, help="Won to begin with, given once.")] = "0",
) -> None:
    """Add a tenant from a folder like those in examples/, or bring one up to date with its changed folder.

    The stack that is up here gets it, and its simulator learns of the account; where none is up, the database of
    DATABASE_URL gets it.
    """
    from local.examples.files import read_example
    from shared.credits.ledger.ledger import whole_won

    if not folder.is_dir():
        raise CommandError(f"no_folder: {folder} is not a folder; examples/saas is one to copy")
    example, given = read_example(folder), whole_won(credit, field="credit", least=0)
    stack = running_stack_if_any()
    if stack is None:
        url, key = _from_environment("DATABASE_URL"), _from_environment("ALLIM_ENCRYPTION_KEY")
    else:
        url, key = stack.database_url, stack.encryption_key
    asyncio.run(_write(url, _opened(key), example, given))
    if stack is not None:
        from local.examples.loading import register_with_simulator

        register_with_simulator(stack, [example])
    account = example.account
    address = (stack and stack.webhook_url) or "<provider_webhook_address>"
    say(f"{account.tenant} is there; its webhook is {address}/{account.provider}/{account.tenant}/{account.id}")


def _from_environment(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise CommandError(f"no_stack: nothing is up here; run `allim up`, or set {name} for a stack in the cloud")
    return value


def _opened(key: str) -> bytes:
    try:
        opened = base64.b64decode(key, validate=True)
    except binascii.Error:
        opened = b""
    if len(opened) != KEY_BYTES:
        raise CommandError("bad_key: ALLIM_ENCRYPTION_KEY is not 32 bytes in base64")
    return opened


async def _write(url: str, key: bytes, example: Example, credit: Decimal) -> None:
    from local.examples.loading import write_example
    from shared.platform.clock import WallClock
    from shared.platform.database import Database

    database, now = Database(url, pool_size=1), WallClock().now()
    try:
        async with database.transaction() as connection:
            changed_at = min(now, example.customers_changed_at)
            await write_example(connection, key, example, credit=credit, customers_changed_at=changed_at, now=now)
    finally:
        await database.close()

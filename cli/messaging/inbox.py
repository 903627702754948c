"""`allim inbox`: what customers are shown in a business' own app."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from cli.credits.database import DatabaseUrl, with_ledger
from cli.errors import CommandError
from cli.joining import running_stack
from cli.output import AsJson, examples, print_json, print_table, say
from cli.showing import clock_time

if TYPE_CHECKING:
    from uuid import UUID

    from shared.platform.database import Connection

app = typer.Typer(
    help="The inbox of a business' own app: what its customers are shown there.",
    invoke_without_command=True,
    rich_markup_mode="rich",
)

MOST = 100


@app.callback(epilog=examples("allim inbox --tenant shop --customer c-1", "allim inbox read 0199f3a2-…"))
def list_(
    context: typer.Context,
    tenant: Annotated[str | None, typer.Option(help="Whose app.", show_default=False)] = None,
    customer: Annotated[
        str | None, typer.Option(help="The customer's id, as events name it.", show_default=False)
    ] = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """List a customer's inbox, the newest first."""
    from shared.inbox.store import Shown, shown_to

    if context.invoked_subcommand is not None:
        return
    if tenant is None or customer is None:
        raise CommandError("no_customer: give --tenant and --customer (--tenant와 --customer를 주세요.)")

    async def work(connection: Connection) -> list[Shown]:
        return await shown_to(connection, tenant, customer, MOST)

    found = with_ledger(database_url, work, tenant=tenant)
    if as_json:
        print_json([each._asdict() for each in found])
    elif found:
        rows = [
            (
                str(each.message),
                clock_time(each.created_at),
                clock_time(each.read_at) if each.read_at else "no",
                each.title or "",
                each.text,
            )
            for each in found
        ]
        print_table(["message", "since", "read", "title", "text"], rows)
    else:
        typer.echo(f"nothing in the inbox of {customer}")


@app.command(epilog=examples("allim inbox read 0199f3a2-…"))
def read(message: Annotated[str, typer.Argument(help="The message's id.", metavar="MESSAGE")]) -> None:
    """Mark a message as read, as the app does: for trying it out on this machine's stack."""
    from uuid import UUID

    try:
        id_ = UUID(message)
    except ValueError:
        raise CommandError(f"bad_message: {message!r} is no message's id (메시지 id가 아닙니다.)") from None
    if not asyncio.run(_mark(id_)):
        raise CommandError(f"no_message: no inbox has the message {message} (인박스에 없는 메시지입니다.)")
    say(f"{message} is read")


async def _mark(message: UUID) -> bool:
    from shared.bootstrap import Parts, database, marks
    from shared.platform.clock import WallClock

    parts = Parts(running_stack().owners_settings(), WallClock())
    try:
        return await marks(parts).mark(message)
    finally:
        await database(parts).close()

"""`allim messages`: what was sent, newest first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from cli.joining import running_stack_if_any, with_database
from cli.output import AsJson, examples, print_json, print_table, room
from cli.showing import CUSTOMER, short_time, won

if TYPE_CHECKING:
    from shared.messages.status import Status
    from shared.messages.stories.stories import MessageView
    from shared.platform.database import Database

EXAMPLES = examples(
    "allim messages                                  # the newest 50 of all tenants",
    "allim messages --tenant saas --status failed    # what failed, and why",
    "allim messages --customer c-1 --limit 5 --json",
)
ROWS_FOR_PEOPLE = 50
ROWS_FOR_PROGRAMS = 10_000


def messages(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    status: Annotated[str | None, typer.Option(help="Only those in this status, such as delivered or failed.")] = None,
    customer: Annotated[str | None, typer.Option(**CUSTOMER, help="Only those to this customer, by id.")] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1, max=1_000_000, help="So many at most. (Default: 50; 10,000 with --json.)", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List messages, newest first. Phone numbers are masked.

    With --status, what waits is found whenever it was made; for what has ended, the newest 50,000 messages are looked
    at, of each tenant an equal part.
    """
    wanted = _status(status) if status else None
    rows = limit or (ROWS_FOR_PROGRAMS if as_json else ROWS_FOR_PEOPLE)
    stack = running_stack_if_any()

    async def work(database: Database) -> tuple[list[MessageView], dict[UUID, str]]:
        from shared.messages.stories.stories import list_messages, short_ids

        async with database.connection() as connection:
            found = await list_messages(connection, tenant=tenant, status=wanted, customer=customer, limit=rows)
            whole = as_json or room() is None
            return found, {} if whole else await short_ids(connection, found)

    found, ids = with_database(stack, "allim_operator", work, tenant=tenant)
    if as_json:
        print_json(found)
    elif found:
        columns = ["id", "due (Seoul)", "customer", "template", "channel", "status", "won"]
        print_table(columns, [_row(message, ids) for message in found])
    else:
        typer.echo("no messages yet" if wanted is None else f"no message is {wanted}")


def _row(message: MessageView, ids: Mapping[UUID, str]) -> tuple[object, ...]:
    return (
        ids.get(message.id, str(message.id)),
        short_time(message.due_at),
        f"{message.tenant}/{message.customer}",
        message.template,
        message.channel,
        f"{message.status}: {message.reason}" if message.reason else message.status,
        won(message.price),
    )


def _status(given: str) -> Status:
    from shared.messages.status import Status

    try:
        return Status(given)
    except ValueError:
        raise typer.BadParameter(f"unknown status {given!r}; known are {', '.join(Status)}") from None

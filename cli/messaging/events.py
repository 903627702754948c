"""`allim events`: what came in, and what came of it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import typer

from cli.joining import running_stack_if_any, with_database
from cli.output import AsJson, examples, print_json, print_table
from cli.showing import short_time

if TYPE_CHECKING:
    from shared.platform.database import Database
    from shared.workflows.events.views import EventView

EXAMPLES = examples(
    "allim events                                        # of the last day, newest first",
    "allim events --tenant saas --type subscription.signup",
    "allim events --hours 720 --limit 1000 --json",
)


def events(
    tenant: Annotated[str | None, typer.Option(help="Only of this tenant.")] = None,
    type_: Annotated[str | None, typer.Option("--type", help="Only of this type.")] = None,
    hours: Annotated[int, typer.Option(min=1, help="How far back to look.")] = 24,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many at most.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the events that came in, newest first: which workflows heard each, or why it did nothing.

    What could not be taken at all is among the dead letters.
    """
    stack = running_stack_if_any()

    async def work(database: Database) -> list[EventView]:
        from shared.platform.clock import WallClock
        from shared.workflows.events.views import list_events

        since = WallClock().now() - dt.timedelta(hours=hours)
        async with database.connection() as connection:
            return await list_events(connection, since=since, tenant=tenant, type_=type_, limit=limit)

    found = with_database(stack, "allim_operator", work)
    if as_json:
        print_json(found)
    elif found:
        print_table(["came (Seoul)", "tenant", "type", "id", "what came of it"], [_row(event) for event in found])
    else:
        typer.echo("no events")


def _row(event: EventView) -> tuple[str, ...]:
    heard = f"heard by {', '.join(event.heard_by)}" if event.heard_by else "no workflow listens to it"
    return short_time(event.received_at), event.tenant, event.type, event.id, event.note or heard

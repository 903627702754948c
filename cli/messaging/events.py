"""`allim events`: what came in, and what came of it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import typer

from cli.joining import running_stack_if_any, with_database
from cli.output import AsJson, examples, print_json, print_table
from cli.showing import CUSTOMER, short_time
from shared.platform.plurals import counted

if TYPE_CHECKING:
    from shared.platform.database import Database
    from shared.workflows.events.views import EventView

EXAMPLES = examples(
    "allim events                                        # of the last day, newest first",
    "allim events --tenant saas --type subscription.signup",
    "allim events --tenant saas --customer c-1            # what came in of one customer",
    "allim events --hours 720 --limit 1000 --json",
)


def events(
    tenant: Annotated[str | None, typer.Option(help="Only of this tenant.")] = None,
    type_: Annotated[str | None, typer.Option("--type", help="Only of this type.")] = None,
    customer: Annotated[str | None, typer.Option(**CUSTOMER, help="Only of this customer, by id.")] = None,
    hours: Annotated[int, typer.Option(min=1, help="How far back to look.")] = 24,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many at most.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the events that came in, newest first, and what came of each: the run that it started, moved or stopped, the
    steps that it silenced, or why it did nothing.

    What could not be taken at all is among the dead letters.
    """
    stack = running_stack_if_any()

    async def work(database: Database) -> list[EventView]:
        from shared.platform.clock import WallClock
        from shared.workflows.events.views import list_events

        since = WallClock().now() - dt.timedelta(hours=hours)
        async with database.connection() as connection:
            return await list_events(
                connection, since=since, tenant=tenant, type_=type_, customer=customer, limit=limit
            )

    found = with_database(stack, "allim_operator", work, tenant=tenant)
    if as_json:
        print_json(found)
    elif found:
        columns = ["came (Seoul)", "tenant", "type", "id", "customer", "what came of it"]
        print_table(columns, [_row(event) for event in found])
    else:
        typer.echo(f"no events in the last {counted(hours, 'hour')}")


def _row(event: EventView) -> tuple[str, ...]:
    told = f"{event.came_to}\n({event.came_to_ko})"
    return short_time(event.received_at), event.tenant, event.type, event.id, event.customer, told

"""`allim providers`: how the accounts at providers are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.credits.database import DatabaseUrl, with_ledger
from cli.output import AsJson, examples, print_json, print_table, say
from cli.showing import clock_time

if TYPE_CHECKING:
    from shared.platform.database import Connection

EXAMPLES = examples(
    "allim providers                  # each account: its breaker, its weight, its errors, how long its calls take",
    "allim providers --tenant saas --json",
    "DATABASE_URL=… allim providers   # in the cloud, as the database's owner",
)


def providers(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Show how each account at a provider is: whether anything is sent by it, how much, and what its calls come to.

    A breaker is closed while the account works, open while nothing is sent by it, and half_open while a few messages
    try it.
    """
    from shared.messages.dispatch.health.standing import told
    from shared.messages.dispatch.health.standing_store import standings
    from shared.platform.clock import WallClock

    async def work(connection: Connection) -> list[Mapping[str, Any]]:
        now = WallClock().now()
        return [told(account, now) for account in await standings(connection, tenant)]

    found = with_ledger(database_url, work, tenant=tenant)
    if as_json:
        print_json({"providers": found})
    elif found:
        columns = ["provider", "tenant", "account", "breaker", "weight", "effective", "errors", "p95", "pause"]
        print_table(columns, [_row(each) for each in found])
        for each in found:
            if each["breaker"] != "closed" and each["last_error"]:
                say(f"{each['tenant']}/{each['account']}: {each['last_error']}")
    else:
        typer.echo("no accounts; `allim accounts add` and `allim tenants add` make one")


def _row(each: Mapping[str, Any]) -> tuple[object, ...]:
    return (
        each["provider"],
        each["tenant"],
        each["account"],
        each["breaker"],
        each["weight"],
        f"{each['effective_weight']:g}",
        f"{each['error_rate']:.0%}" if each["calls"] else "",
        "" if each["p95_ms"] is None else f"{each['p95_ms']:.0f} ms",
        clock_time(each["paused_until"]) if each["paused_until"] else "",
    )

"""`allim alerts`: what a person should know of a tenant, and the end of what only a person can end."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from cli.credits.database import DatabaseUrl, with_ledger
from cli.errors import CommandError
from cli.output import AsJson, examples, print_json, print_table

if TYPE_CHECKING:
    from shared.operations.health.figures import OpenAlert
    from shared.platform.database import Connection

app = typer.Typer(help="What is open of each tenant, and the end of what only a person can end.", no_args_is_help=True)

LIST_EXAMPLES = examples(
    "allim alerts list                      # of all tenants",
    "allim alerts list --tenant saas --json",
    "DATABASE_URL=… allim alerts list       # in the cloud, as the database's owner",
)
CLOSE_EXAMPLES = examples("allim alerts close --tenant saas --kind payment_disputed")


@app.callback()
def alerts() -> None:
    """What is open of each tenant, and the end of what only a person can end."""


@app.command(name="list", epilog=LIST_EXAMPLES)
def list_(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """List the open alerts. What each kind means and what to do is in the runbook's page of its name."""
    found = with_ledger(database_url, lambda connection: _open(connection, tenant), tenant=tenant)
    if as_json:
        print_json([asdict(alert) for alert in found])
    elif found:
        print_table(["tenant", "kind", ""], [(alert.tenant, alert.kind, alert.detail) for alert in found])
    else:
        typer.echo("no open alerts")


@app.command(epilog=CLOSE_EXAMPLES)
def close(
    tenant: Annotated[str, typer.Option(help="Whose.")],
    kind: Annotated[str, typer.Option(help="Which, as `allim alerts list` says.")],
    database_url: DatabaseUrl = None,
) -> None:
    """End an alert by hand. What is still so opens again by itself."""

    async def work(connection: Connection) -> None:
        from shared.platform.clock import WallClock
        from shared.platform.signals.alerts import resolve_alerts

        if kind not in {alert.kind for alert in await _open(connection, tenant)}:
            raise CommandError(f"no_alert: {tenant} has no open alert {kind}; `allim alerts list` shows what is open")
        await resolve_alerts(connection, tenant, [kind], WallClock().now())

    with_ledger(database_url, work, tenant=tenant)
    typer.echo(f"closed {kind} of {tenant}")


async def _open(connection: Connection, tenant: str | None) -> list[OpenAlert]:
    from shared.operations.health.store import read_open_alerts

    return [alert for alert in await read_open_alerts(connection) if tenant in (None, alert.tenant)]

"""`allim invoices`: what we sent and charged beside what providers say."""

from __future__ import annotations

import datetime as dt
import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.credits.database import DatabaseUrl, with_credits, with_ledger
from cli.errors import CommandError
from cli.joining import owners_database_url, running_stack_if_any
from cli.operations.keys import keys_if_any
from cli.output import AsJson, examples, print_json, print_table

if TYPE_CHECKING:
    from shared.operations.reconcile.invoice_store import ComparedDay
    from shared.operations.reconcile.invoicing import Night
    from shared.platform.database import Connection, Database
    from shared.platform.settings import Settings

app = typer.Typer(help="What we sent and charged beside what providers say.", no_args_is_help=True)

MOST_DAYS = 200

LIST_EXAMPLES = examples(
    "allim invoices list                                # the newest days that were compared",
    "allim invoices list --day 2026-11-20 --provider solapi --json",
)
RUN_EXAMPLES = examples(
    "allim invoices run --day 2026-11-20                # compare a day now, also again",
    "DATABASE_URL=… ALLIM_ENCRYPTION_KEY=… allim invoices run --day 2026-11-20   # in the cloud, as its owner",
)

Day = Annotated[str | None, typer.Option(help="A day of Korea, such as 2026-11-20.", show_default=False)]


@app.callback()
def invoices() -> None:
    """What we sent and charged beside what providers say."""


@app.command(name="list", epilog=LIST_EXAMPLES)
def list_(
    day: Day = None,
    provider: Annotated[str | None, typer.Option(help="Only of this one, such as solapi.")] = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """List the days that were compared, an account each, with what differs and why."""
    of_day = None if day is None else _day(day)

    async def work(connection: Connection) -> list[ComparedDay]:
        from shared.operations.reconcile.invoice_store import compared_days

        return await compared_days(connection, of_day, provider, limit=MOST_DAYS)

    found = with_ledger(database_url, work)
    if as_json:
        print_json([_as_json(each) for each in found])
    elif found:
        print_table(["day", "account", "sent", "billed", "charged", "taken", "differs"], [_row(each) for each in found])
    else:
        typer.echo("no day was compared")


@app.command(epilog=RUN_EXAMPLES)
def run(
    day: Annotated[str, typer.Option(help="A day of Korea, such as 2026-11-20.")],
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Compare a day now. Doing it again changes nothing but what has changed. Exits with 1 when an account could not be
    asked."""
    from shared.operations.reconcile.invoicing import Invoices
    from shared.platform.clock import WallClock
    from shared.providers import providers

    of_day, loaded = _day(day), keys_if_any(database_url)
    if loaded is None:
        raise CommandError("no_keys: start a stack (`allim up`), or set ALLIM_ENCRYPTION_KEY")
    settings, clock = _settings(database_url or owners_database_url()), WallClock()

    async def work(database: Database) -> Night:
        reconciling = Invoices(database, lambda: providers(settings, clock), lambda: loaded, clock)
        return await reconciling.reconcile([of_day])

    night = with_credits(database_url, work)
    if as_json:
        print_json(night._asdict())
    else:
        typer.echo(
            f"compared {night.compared}, of which {night.differing} differ; {night.not_asked} could not be asked"
        )
    if night.not_asked or night.left:
        raise typer.Exit(1)


def _settings(url: str) -> Settings:
    """Where the providers are: the simulator's place for a stack, else as variables say, else the vendors' own."""
    from shared.platform.settings import Settings

    stack = running_stack_if_any()
    places = dict.fromkeys(("solapi_url", "nhn_sms_url", "sens_url"), stack.simulator_url) if stack else {}
    environment = {name.lower(): value for name, value in os.environ.items()}
    return Settings.of({**environment, **places, "database_url": url, "google_cloud_project": "none"})


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise CommandError(
            f"bad_day: {text!r} is no day; write for example 2026-11-20 (날짜는 2026-11-20처럼 쓰세요.)"
        ) from error


def _row(each: ComparedDay) -> tuple[str, ...]:
    sums = each.sums
    differs = ", ".join(f"{one.reason} {one.channel or 'all'} {one.messages}" for one in each.differences)
    taken = "" if sums.taken is None else f"{sums.taken:,}"
    account = f"{each.provider} {each.tenant}/{each.account}"
    return str(each.day), account, f"{sums.sent:,}", f"{sums.billed:,}", f"{sums.charged:,}", taken, differs


def _as_json(each: ComparedDay) -> dict[str, Any]:
    return {
        "day": each.day,
        "provider": each.provider,
        "tenant": each.tenant,
        "account": each.account,
        **each.sums._asdict(),
        "compared_at": each.compared_at,
        "differences": [one._asdict() | {"channel": one.channel or None} for one in each.differences],
    }

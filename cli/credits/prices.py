"""`allim credits price`: what a message costs a tenant, now and from a day on."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.credits.database import DatabaseUrl, Tenant, with_ledger
from cli.output import AsJson, examples, print_json, print_table
from cli.showing import WON, numbers, won

if TYPE_CHECKING:
    from shared.platform.database import Connection

EXAMPLES = examples(
    "allim credits price --tenant saas                              # the prices of now, and those to come",
    "allim credits price --tenant saas --channel sms --won 18.5     # from now on",
    "allim credits price --tenant saas --channel sms --won 19 --from 2026-12-01",
    "allim credits price --tenant saas --json",
)


def price(
    tenant: Tenant,
    channel: Annotated[
        str | None, typer.Option(help="Set this channel's price. (Default: list the prices.)", show_default=False)
    ] = None,
    amount: Annotated[
        str | None,
        typer.Option("--won", **WON, help="Won a message, two decimals at most.", show_default=False),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--from", help="The day in Seoul from which it holds, such as 2026-12-01. (Default: now.)"),
    ] = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Show what a delivered message costs a tenant by channel, or set a price from now or a coming day on.

    What was charged stays as it was charged, and no message costs more than what was held for it.
    """
    if (channel is None) != (amount is None):
        raise typer.BadParameter("--channel and --won go together")
    if start is not None and channel is None:
        raise typer.BadParameter("--from needs --channel and --won")

    async def work(connection: Connection) -> list[dict[str, Any]]:
        from shared.credits.prices.prices import price_list, set_price
        from shared.platform.clock import WallClock

        now = WallClock().now()
        if channel is not None and amount is not None:
            await set_price(connection, tenant, channel, amount, start=start, now=now)
        return [asdict(one) for one in await price_list(connection, tenant, now)]

    found = with_ledger(database_url, work, tenant=tenant)
    if as_json:
        print_json(numbers(found))
        return
    print_table(
        ["channel", "won", "from (Seoul)", "state"],
        [(row["channel"], won(row["won"]), _day(row["valid_from"]), row["state"]) for row in found],
        title=tenant,
    )


def _day(moment: dt.datetime | None) -> str:
    from shared.platform.clock import SEOUL

    return f"{moment.astimezone(SEOUL):%Y-%m-%d %H:%M}" if moment else "the beginning"

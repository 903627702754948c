"""`allim credits settings` and `automatic`: what happens when credit runs low."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from cli.credits.database import DatabaseUrl, Tenant, with_ledger
from cli.output import AsJson, examples, print_json, print_table
from cli.showing import WON, clock_time, numbers, won

if TYPE_CHECKING:
    from shared.credits.ledger.store import Account
    from shared.credits.topups.store import Automatic
    from shared.platform.database import Connection

SETTINGS_EXAMPLES = examples(
    "allim credits settings --tenant saas                        # what holds now",
    "allim credits settings --tenant saas --low-balance 50000    # an alert below that",
    "allim credits settings --tenant saas --wait-for-credit --json",
)
AUTOMATIC_EXAMPLES = examples(
    "allim credits automatic --tenant saas                       # what holds now",
    "allim credits automatic --tenant saas --threshold 20000 --amount 100000 --daily-cap 300000",
    "allim credits automatic --tenant saas --off",
    "allim credits automatic --tenant saas --json",
)


def settings(
    tenant: Tenant,
    low_balance: Annotated[
        str | None,
        typer.Option(**WON, help="Whole won: with less available, an alert is open. 0 for never."),
    ] = None,
    wait_for_credit: Annotated[
        bool | None,
        typer.Option(
            "--wait-for-credit/--fail-without-credit",
            help="Without credit, messages wait until their moment is over, or fail at once.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Show, or change, when credit counts as low and what becomes of messages without it."""

    async def work(connection: Connection) -> Account:
        from shared.credits.ledger.settings import change_settings

        return await change_settings(connection, tenant, low_balance=low_balance, wait_for_credit=wait_for_credit)

    account = with_ledger(database_url, work, tenant=tenant)
    if as_json:
        chosen = {"low_balance": account.low_balance, "wait_for_credit": account.wait_for_credit}
        print_json(numbers({"tenant": tenant, **chosen}))
        return
    print_table(
        ["setting", "value"],
        [
            ("low balance", f"{won(account.low_balance)} won"),
            ("without credit", "messages wait" if account.wait_for_credit else "messages fail"),
        ],
        title=tenant,
    )


def automatic(
    tenant: Tenant,
    threshold: Annotated[
        str | None,
        typer.Option(**WON, help="Whole won: with less available, the card is charged."),
    ] = None,
    amount: Annotated[str | None, typer.Option(**WON, help="Whole won of each charge.")] = None,
    daily_cap: Annotated[str | None, typer.Option(**WON, help="Whole won a day at most, by Seoul's calendar.")] = None,
    off: Annotated[bool, typer.Option("--off", help="Charge the card no more.")] = False,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Show how the registered card tops credit up when it runs low, set it, or end it.

    After five refusals in a row the card is left alone; setting it again lets it be charged again.
    """
    given = [threshold, amount, daily_cap]
    if any(one is not None for one in given) and (off or None in given):
        raise typer.BadParameter("give --threshold, --amount and --daily-cap together, or --off alone")

    async def work(connection: Connection) -> Automatic:
        from shared.credits.topups.settings import automatic_topup, set_automatic_topup, stop_automatic_topup
        from shared.platform.clock import WallClock

        if off:
            await stop_automatic_topup(connection, tenant)
        elif threshold is not None:
            await set_automatic_topup(connection, tenant, threshold=threshold, amount=amount, daily_cap=daily_cap)
        return await automatic_topup(connection, tenant, WallClock().now())

    found = with_ledger(database_url, work, tenant=tenant)
    if as_json:
        print_json(numbers(asdict(found)))
        return
    rows = [
        ("automatic top-up", "on" if found.enabled else "off"),
        ("card", "registered" if found.card else "none"),
    ]
    if found.amount is not None:
        rows += [
            ("below", f"{won(found.threshold)} won"),
            ("charged", f"{won(found.amount)} won"),
            ("today", f"{won(found.charged_today)} of {won(found.daily_cap)} won"),
            ("refusals in a row", str(found.failures)),
        ]
    if found.next_try_at is not None:
        rows.append(("next try (Seoul)", clock_time(found.next_try_at)))
    print_table(["what", "value"], rows, title=tenant)

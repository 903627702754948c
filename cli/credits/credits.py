"""`allim credits`: what tenants have, what moved it, and the proof that every won is accounted for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.credits import payments as credits_payments
from cli.credits import prices as credits_prices
from cli.credits import settings as credits_settings
from cli.credits.database import DatabaseUrl, Tenant, with_credits, with_ledger
from cli.output import AsJson, examples, print_json, print_table, progress_bar, say
from cli.showing import WON, clock_time, numbers, won

if TYPE_CHECKING:
    from shared.credits.ledger.audit import Books
    from shared.credits.ledger.statements import Statement
    from shared.credits.ledger.store import Entry
    from shared.platform.database import Connection, Database

app = typer.Typer(
    help="Prepaid credit: balances, the ledger, prices, payments and top-ups, monthly statements, and the audit.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

AnyTenant = Annotated[str | None, typer.Option(help="Only this tenant's. (Default: everybody's.)", show_default=False)]


@app.command(
    epilog=examples(
        "allim credits balance                       # every tenant",
        "allim credits balance --tenant saas --json",
    )
)
def balance(tenant: AnyTenant = None, as_json: AsJson = False, database_url: DatabaseUrl = None) -> None:
    """Show what tenants have: the balance, what of it is held for messages on their way, and what is available."""

    async def work(connection: Connection) -> list[dict[str, Any]]:
        from shared.credits.ledger.store import read_accounts

        accounts = await read_accounts(connection, tenant)
        return [asdict(account) | {"available": account.available} for account in accounts]

    found = with_ledger(database_url, work, tenant=tenant)
    if as_json:
        print_json(numbers(found))
        return
    columns = ["tenant", "balance", "held", "available", "without credit"]
    print_table(
        columns,
        [
            (
                row["tenant"],
                won(row["balance"]),
                won(row["held"]),
                won(row["available"]),
                "messages wait" if row["wait_for_credit"] else "messages fail",
            )
            for row in found
        ],
    )


@app.command(
    epilog=examples(
        "allim credits ledger --tenant saas              # the newest 50 entries",
        "allim credits ledger --tenant saas --limit 1000 --json",
    )
)
def ledger(
    tenant: Tenant,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="So many at most.")] = 50,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Show a tenant's entries, newest first: by how much each changed the balance and what is held."""

    async def work(connection: Connection) -> list[Entry]:
        from shared.credits.ledger.store import read_entries

        return await read_entries(connection, tenant, limit)

    entries = with_ledger(database_url, work, tenant=tenant)
    if as_json:
        print_json(numbers([asdict(entry) for entry in entries]))
        return
    print_table(
        ["time (Seoul)", "entry", "to balance", "to held", "messages", "reference"],
        [
            (
                clock_time(entry.created_at),
                entry.kind,
                _signed(entry.balance_change),
                _signed(entry.hold_change),
                entry.messages,
                entry.reference,
            )
            for entry in entries
        ],
    )


@app.command(
    epilog=examples(
        "allim credits topup --tenant saas --amount 50,000 --reference transfer-17   # a second time, it adds nothing",
        "allim credits topup --tenant saas --amount 50000 --reference transfer-17 --json",
    )
)
def topup(
    tenant: Tenant,
    amount: Annotated[str, typer.Option(**WON, help="Whole won, from 1 to 1,000,000,000.")],
    reference: Annotated[
        str, typer.Option(help="Names what was paid. Credit is added once for a reference, however often it is given.")
    ],
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Add credit by hand, such as for a bank transfer. Payments through Toss add theirs by themselves."""

    async def work(connection: Connection) -> tuple[Decimal, bool, Decimal]:
        from shared.credits.ledger.ledger import account_of, top_up_by_hand, whole_won
        from shared.platform.clock import WallClock

        whole = whole_won(amount)
        added = await top_up_by_hand(connection, tenant, whole, reference=reference, now=WallClock().now())
        return whole, added, (await account_of(connection, tenant)).available

    whole, added, available = with_ledger(database_url, work, tenant=tenant)
    if as_json:
        print_json(numbers({"tenant": tenant, "amount": whole, "added": added, "available": available}))
    else:
        say(f"{won(whole)} won " + ("added" if added else "were added before, with the same reference"))
        typer.echo(f"{tenant} has {won(available)} won available")


@app.command(
    epilog=examples(
        "allim credits statement --tenant saas                   # this month so far, by Seoul's calendar",
        "allim credits statement --tenant saas --month 2026-01 --json",
        "allim credits statement --tenant saas --month 2026-01 --csv > january.csv",
    )
)
def statement(
    tenant: Tenant,
    month: Annotated[
        str | None, typer.Option(help="Such as 2026-01. (Default: this month.)", show_default=False)
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, for a spreadsheet.")] = False,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Show a month: the balance it began with, what was paid in, what was charged by channel, and what was left.

    `cost` is what the providers take for it, at their prices of the moment of each charge, and `margin` what remains;
    both are empty where a provider's price is unknown. They are for whoever runs the platform: the CSV, which can be
    handed to the tenant, has neither.
    """
    if as_csv and as_json:
        raise typer.BadParameter("choose one of --csv and --json")

    async def work(connection: Connection) -> Statement:
        from shared.credits.ledger.statements import Month, monthly_statement
        from shared.platform.clock import WallClock

        asked = Month.parse(month) if month else Month.of(WallClock().now())
        return await monthly_statement(connection, tenant, asked)

    found = with_ledger(database_url, work, tenant=tenant)
    if as_json:
        print_json(numbers(asdict(found)))
    elif as_csv:
        from shared.credits.ledger.statements import as_csv as written

        typer.echo(written(found), nl=False)
    else:
        _show_statement(found)


@app.command(
    epilog=examples(
        "allim credits audit             # exits with 1 unless all that should be 0 is",
        "allim credits audit --full      # reads every month again, and looks whether its proof says what is there",
        "allim credits audit --tenant saas --json",
    )
)
def audit(
    tenant: AnyTenant = None,
    full: Annotated[
        bool, typer.Option("--full", help="Recompute the months that are proven, too, and compare their proofs.")
    ] = False,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Recompute every balance from the entries, and every entry from the messages, and print what disagrees.

    Of a month that is over and proven, the proof is taken at its word while none of its rows has changed. Difference,
    overdrafts, missing, untraced and disproved are 0 while every won is accounted for.
    """
    from shared.credits.ledger.audit import disagreements, together

    async def work(database: Database) -> Books:
        from shared.credits.ledger.audit import audit_of_all

        with progress_bar() as bar:
            task = bar.add_task("auditing", total=None)
            tell: Callable[[str, int, int], None] = lambda part, done, total: bar.update(  # noqa: E731
                task, description=part, completed=done, total=total
            )
            return await audit_of_all(database, full=full, on_part=tell)

    books = with_credits(database_url, work, tenant=tenant)
    found = together([one for owner, one in books.audits.items() if tenant in (None, owner)])
    figures = numbers(asdict(found))
    disproved = sorted({name for owner, names in books.disproved.items() for name in names if tenant in (None, owner)})
    if as_json:
        print_json(figures | {"disproved_months": disproved})
    else:
        print_table(["what", "value"], [(name, f"{value:,}") for name, value in figures.items()])
        for name in disproved:
            typer.echo(f"the proof of {name} says something else than what is there")
    wrong = bool(disagreements(found))
    if not as_json:
        typer.echo("the books do NOT agree" if wrong else "every won is accounted for")
    if wrong:
        raise typer.Exit(1)


app.command(epilog=credits_prices.EXAMPLES)(credits_prices.price)
app.command(epilog=credits_settings.SETTINGS_EXAMPLES)(credits_settings.settings)
app.command(epilog=credits_settings.AUTOMATIC_EXAMPLES)(credits_settings.automatic)
app.command(epilog=credits_payments.EXAMPLES)(credits_payments.payments)


def _show_statement(found: Statement) -> None:
    rows: list[tuple[object, ...]] = [
        ("opening", None, won(found.opening), None, None),
        ("top-ups", None, _signed(found.topups), None, None),
        ("refunds", None, _signed(-found.refunds), None, None),
        ("adjustments", None, _signed(found.adjustments), None, None),
    ]
    rows += [
        (charge.channel, f"{charge.messages:,}", _signed(-charge.won), won(charge.cost), won(charge.margin))
        for charge in found.charges
    ]
    rows.append(("closing", None, won(found.closing), None, None))
    print_table(["entry", "messages", "won", "cost", "margin"], rows, title=f"{found.tenant}, {found.month} (Seoul)")
    if found.usage:
        print_table(
            ["day", "channel", "workflow", "messages", "won", "cost"],
            [
                (str(one.day), one.channel, one.workflow, f"{one.messages:,}", won(one.won), won(one.cost))
                for one in found.usage
            ],
            title="\nUsage",
        )


def _signed(amount: Decimal) -> str | None:
    if not amount:
        return None
    return f"{'+' if amount > 0 else '-'}{won(abs(amount))}"

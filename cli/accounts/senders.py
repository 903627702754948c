"""`allim senders`: the numbers that texts leave from."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from cli.credits.database import DatabaseUrl, with_ledger
from cli.output import AsJson, examples, print_json, print_table, say
from cli.showing import clock_time

if TYPE_CHECKING:
    from shared.platform.database import Connection
    from shared.tenants.senders.store import SenderNumber

app = typer.Typer(
    help="The numbers that tenants send texts from: registered, verified, capped.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Tenant = Annotated[str, typer.Argument(help="The tenant's id.", metavar="TENANT")]
Number = Annotated[str, typer.Argument(help="The number, digits only.", metavar="NUMBER")]


@app.command("list", epilog=examples("allim senders list", "allim senders list saas --json"))
def list_(
    tenant: Annotated[str | None, typer.Argument(help="One tenant's. (Default: all.)", show_default=False)] = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """List numbers: whose, since when and how they are verified, and how many messages may leave from them a day."""
    from shared.platform.clock import SEOUL, WallClock
    from shared.tenants.senders.store import read_numbers

    today = WallClock().now().astimezone(SEOUL).date()

    async def work(connection: Connection) -> list[SenderNumber]:
        return await read_numbers(connection, tenant, today)

    found = with_ledger(database_url, work, tenant=tenant)
    if as_json:
        print_json([asdict(number) for number in found])
    elif found:
        columns = ["tenant", "number", "verified", "how", "a day", "accounts"]
        print_table(columns, [_row(number) for number in found])
    else:
        typer.echo("no numbers; an account's is registered with it, another one by `allim senders add`")


def _row(number: SenderNumber) -> tuple[object, ...]:
    return (
        number.tenant,
        number.number,
        clock_time(number.verified_at) if number.verified_at else "no: nothing leaves from it",
        number.verified_how,
        f"{number.used:,} of {number.daily_cap:,}" if number.daily_cap else "no cap",
        " ".join(number.accounts),
    )


@app.command(epilog=examples("allim senders add saas 0212345678", "allim senders add saas 15881588 --json"))
def add(tenant: Tenant, number: Number, as_json: AsJson = False, database_url: DatabaseUrl = None) -> None:
    """Register a number. Nothing leaves from it before it is verified. An account's sender is registered with it."""

    async def work(connection: Connection) -> bool:
        from shared.platform.clock import WallClock
        from shared.tenants.senders.numbers import register

        return await register(connection, tenant, number, now=WallClock().now())

    changed = with_ledger(database_url, work, tenant=tenant)
    _done(tenant, number, "registered", "nothing leaves from it before it is verified", as_json, changed=changed)


@app.command(
    epilog=examples(
        'allim senders verify saas 0212345678 --how "통신서비스 이용증명원 2026-11-01"',
        'allim senders verify saas 0212345678 --how "called back" --json',
    )
)
def verify(
    tenant: Tenant,
    number: Number,
    how: Annotated[str, typer.Option(help="What shows that the number is the tenant's.")],
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Write down that a number is the tenant's: from now on texts may leave from it."""

    async def work(connection: Connection) -> bool:
        from shared.platform.clock import WallClock
        from shared.tenants.senders.numbers import verify as verify_now

        return await verify_now(connection, tenant, number, how=how, now=WallClock().now())

    changed = with_ledger(database_url, work, tenant=tenant)
    _done(tenant, number, "verified", "texts may leave from it", as_json, changed=changed)


@app.command(
    epilog=examples("allim senders cap saas 01012345678 --per-day 500", "allim senders cap saas 01012345678 --no-cap")
)
def cap(
    tenant: Tenant,
    number: Number,
    per_day: Annotated[int | None, typer.Option(help="Messages a day at most, in Korea.", show_default=False)] = None,
    no_cap: Annotated[bool, typer.Option("--no-cap", help="As many as there are.")] = False,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Let no more than so many messages leave from a number on a day. The others wait until tomorrow.

    A message whose moment is over before that ends as expired (sender_used_up); one that another account of the
    tenant can send leaves by that. What left before there was a cap is not counted.
    """
    if (per_day is None) != no_cap:
        raise typer.BadParameter("give --per-day or --no-cap")

    async def work(connection: Connection) -> None:
        from shared.tenants.senders.numbers import cap as cap_now

        await cap_now(connection, tenant, number, per_day)

    with_ledger(database_url, work, tenant=tenant)
    if per_day is None:
        _done(tenant, number, "uncapped", "as many messages leave from it as there are", as_json)
    else:
        _done(tenant, number, "capped", f"{per_day:,} messages a day at most", as_json)


@app.command(epilog=examples("allim senders remove saas 0212345678", "allim senders remove saas 0212345678 --json"))
def remove(tenant: Tenant, number: Number, as_json: AsJson = False, database_url: DatabaseUrl = None) -> None:
    """Take a number away: nothing leaves from it any more, until it or an account with it is added again."""

    async def work(connection: Connection) -> None:
        from shared.tenants.senders.numbers import remove as remove_now

        await remove_now(connection, tenant, number)

    with_ledger(database_url, work, tenant=tenant)
    _done(tenant, number, "removed", "nothing leaves from it any more", as_json)


def _done(tenant: str, number: str, what: str, meaning: str, as_json: bool, *, changed: bool = True) -> None:
    if as_json:
        print_json({"tenant": tenant, "number": number, "state": what, "changed": changed})
    else:
        say(f"{number} of {tenant} is {what}{'' if changed else ', as before'}: {meaning}")

"""`allim retention`: how long rows live, what leaves next, and letting it leave."""

from __future__ import annotations

import getpass
import os
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.credits.database import DatabaseUrl, Tenant, with_credits, with_ledger
from cli.output import AsJson, examples, print_json, print_table
from shared.platform.plurals import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.operations.retention.lives_store import TenantLife
    from shared.operations.retention.looking import Due, Kept, Table
    from shared.operations.retention.retaining import Night
    from shared.platform.database import Connection, Database

app = typer.Typer(help="How long rows live, what leaves next, and letting it leave.", no_args_is_help=True)

SHOW_EXAMPLES = examples(
    "allim retention show                  # each table: its life and why; each partition, and when it leaves",
    "allim retention show --tenant saas    # what this tenant chose",
    "DATABASE_URL=… allim retention show --json",
)
RUN_EXAMPLES = examples(
    "allim retention run --dry-run         # what would leave now, and how many rows",
    "allim retention run                   # what the function `retention` does each night",
)

SET_EXAMPLES = examples(
    "allim retention set --tenant saas --what messages --months 7   # to whom and with what values: 7 months",
    "allim retention set --tenant saas --what events --months 3 --by kim",
)
UNSET_EXAMPLES = examples("allim retention unset --tenant saas --what messages")

What = Annotated[str, typer.Option(help="The table: messages or events.")]
By = Annotated[str | None, typer.Option(help="Who does it. (Default: who is logged in here.)", show_default=False)]


@app.callback()
def retention() -> None:
    """How long rows live, what leaves next, and letting it leave."""


@app.command(epilog=SHOW_EXAMPLES)
def show(
    tenant: Annotated[str | None, typer.Option(help="Only what this tenant chose.")] = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Show how long the rows of each table live, by what rule, and when each partition leaves.

    Rows are counted as Postgres estimates them, without reading them.
    """
    if tenant is not None:
        _show_chosen(with_ledger(database_url, partial(_chosen, of=tenant), tenant=tenant), as_json)
        return
    from shared.operations.retention.looking import dropped_on, leaves_on

    found = with_credits(database_url, _look)
    if as_json:
        parts = [asdict(part) | {"leaves_on": leaves_on(part.parent, part.until)} for part in found.partitions]
        print_json(asdict(found) | {"partitions": parts})
        return
    print_table(
        ["table", "life", "leaves", "rows", "size", "because"],
        [_row(table) for table in found.tables],
    )
    typer.echo()
    print_table(
        ["partition", "since", "until", "closed", "rows", "size", "leaves on", "stays for"],
        [
            (
                part.name,
                _day(part.since),
                _day(part.until),
                "yes" if part.closed_at else "no",
                f"{part.rows:,}",
                _size(part.bytes),
                _day(leaves_on(part.parent, part.until)),
                part.stays_for or "",
            )
            for part in found.partitions
        ],
    )
    for one in found.apart:
        rows = "rows not proven" if one.rows is None else counted(one.rows, "row")
        typer.echo(f"kept apart: {one.name}, {rows}, until {dropped_on(one.parent, one.until)}")
    if found.chosen:
        typer.echo()
        _show_chosen(found.chosen, as_json=False)


async def _chosen(connection: Connection, of: str) -> Sequence[TenantLife]:
    from shared.operations.retention.lives_store import read_lives

    return await read_lives(connection, of)


def _show_chosen(lives: Sequence[TenantLife], as_json: bool) -> None:
    if as_json:
        print_json({"chosen": [asdict(life) for life in lives]})
    elif lives:
        rows = [(one.tenant, one.what, f"{one.months} months", _day(one.forgotten_before)) for one in lives]
        print_table(["tenant", "what", "says so much for", "forgotten before"], rows)
    else:
        typer.echo("as all tenants: nothing is forgotten before its month leaves")


@app.command("set", epilog=SET_EXAMPLES)
def set_(
    tenant: Tenant,
    what: What,
    months: Annotated[int, typer.Option(help="Of messages 7 to 11, of events 1 to 11.")],
    by: By = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Let the rows of a tenant forget what they say about people before their month leaves for all.

    The rows stay, for they are reckoned with. The nights do it; what was forgotten does not come back by `unset`.
    """

    async def work(connection: Connection) -> Sequence[TenantLife]:
        from shared.operations.retention.tenant_lives import set_life
        from shared.platform.clock import WallClock

        await set_life(connection, tenant, what, months, by=by or getpass.getuser(), now=WallClock().now())
        return await _chosen(connection, tenant)

    _show_chosen(with_ledger(database_url, work, tenant=tenant), as_json)


@app.command(epilog=UNSET_EXAMPLES)
def unset(tenant: Tenant, what: What, by: By = None, as_json: AsJson = False, database_url: DatabaseUrl = None) -> None:
    """Let the rows of a tenant say what they say until their month leaves, as those of all."""

    async def work(connection: Connection) -> Sequence[TenantLife]:
        from shared.operations.retention.tenant_lives import unset_life
        from shared.platform.clock import WallClock

        await unset_life(connection, tenant, what, by=by or getpass.getuser(), now=WallClock().now())
        return await _chosen(connection, tenant)

    _show_chosen(with_ledger(database_url, work, tenant=tenant), as_json)


@app.command(epilog=RUN_EXAMPLES)
def run(
    dry_run: bool = typer.Option(False, "--dry-run", help="Say what would leave, and change nothing."),
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Do what the function `retention` does each night: make months ahead, close what is over, let leave what has lived
    its life. Safe at any time, also twice at once."""
    if dry_run:
        _show_due(with_credits(database_url, _foresee), as_json)
    else:
        _show_night(with_credits(database_url, _run), as_json)


def _show_due(due: Due, as_json: bool) -> None:
    if as_json:
        told = asdict(due)
        print_json({"due": told.pop("partitions"), **told})
        return
    lines = [f"{part.name}: {part.stays_for or 'leaves'}" for part in due.partitions]
    typer.echo("\n".join(lines) or "no partition is due")
    for rows, what in ((due.gone, "would leave"), (due.forgotten, "would forget what they say")):
        for name, number in rows.items():
            over = "at least " if name in due.at_least else ""
            typer.echo(f"{name}: {over}{counted(number, 'row')} {what}")


def _show_night(night: Night, as_json: bool) -> None:
    if as_json:
        print_json(asdict(night))
        return
    typer.echo(f"made {night.made:,} partitions ahead, closed {len(night.closed):,}")
    for name in night.dropped:
        typer.echo(f"dropped {name}")
    if night.uncopied:
        typer.echo("warning: no backup was ever taken of this database: what was dropped is nowhere", err=True)
    for name in night.kept:
        typer.echo(f"kept apart {name}")
    for name, why in night.staying.items():
        typer.echo(f"stays: {name}, {why}")
    for table, gone in night.gone.items():
        typer.echo(f"{gone:,} rows of {table} have left")
    for whose, forgotten in night.forgotten.items():
        typer.echo(f"{forgotten:,} {whose} have forgotten what they said")
    for what in night.busy:
        typer.echo(f"in use, try again later: {what}")


async def _look(database: Database) -> Kept:
    from shared.operations.retention.looking import look
    from shared.platform.clock import WallClock

    return await look(database, WallClock().now(), copied=_takes_backups())


async def _foresee(database: Database) -> Due:
    from shared.operations.retention.looking import foresee
    from shared.platform.clock import WallClock

    return await foresee(database, WallClock().now(), copied=_takes_backups())


async def _run(database: Database) -> Night:
    from shared.operations.retention.retaining import Retention
    from shared.platform.clock import WallClock

    return await Retention(database, WallClock(), copied=_takes_backups()).run()


def _takes_backups() -> bool:
    """As the function knows it: whether there is a bucket for them."""
    return bool(os.environ.get("BACKUP_BUCKET"))


def _row(table: Table) -> tuple[str, ...]:
    life = _months(table.months, table.kept)
    return table.table, life, table.leaving, f"{table.rows:,}", _size(table.bytes), table.because


def _months(months: int | None, kept: int | None) -> str:
    if months is None:
        return "stays"
    return f"{months} months" + (f", then apart until {kept}" if kept else "")


def _size(bytes_: int) -> str:
    return f"{bytes_ / 1_000_000:,.1f} MB"


def _day(day: Any) -> str:
    return "" if day is None else str(day)

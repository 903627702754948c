"""`allim retention`: how long rows live, what leaves next, and letting it leave."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from cli.credits.database import DatabaseUrl, with_credits
from cli.output import AsJson, examples, print_json, print_table
from shared.platform.plurals import counted

if TYPE_CHECKING:
    from shared.operations.retention.looking import Kept, Table
    from shared.operations.retention.retaining import Night
    from shared.platform.database import Database

app = typer.Typer(help="How long rows live, what leaves next, and letting it leave.", no_args_is_help=True)

SHOW_EXAMPLES = examples(
    "allim retention show                  # each table: its life and why; each partition, and when it leaves",
    "DATABASE_URL=… allim retention show --json",
)
RUN_EXAMPLES = examples(
    "allim retention run --dry-run         # what would leave now",
    "allim retention run                   # what the function `retention` does each night",
)


@app.callback()
def retention() -> None:
    """How long rows live, what leaves next, and letting it leave."""


@app.command(epilog=SHOW_EXAMPLES)
def show(as_json: AsJson = False, database_url: DatabaseUrl = None) -> None:
    """Show how long the rows of each table live, by what rule, and when each partition leaves.

    Rows are counted as Postgres estimates them, without reading them.
    """
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


@app.command(epilog=RUN_EXAMPLES)
def run(
    dry_run: bool = typer.Option(False, "--dry-run", help="Say which partitions would leave, and change nothing."),
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Do what the function `retention` does each night: make months ahead, close what is over, let leave what has lived
    its life. Safe at any time, also twice at once."""
    if dry_run:
        due = [part for part in with_credits(database_url, _look).partitions if part.due]
        if as_json:
            print_json({"due": [asdict(part) for part in due]})
        else:
            lines = [f"{part.name}: {part.stays_for or 'leaves'}" for part in due]
            typer.echo("\n".join(lines) or "no partition is due")
        return
    night = with_credits(database_url, _run)
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
    for what in night.busy:
        typer.echo(f"in use, try again later: {what}")


async def _look(database: Database) -> Kept:
    from shared.operations.retention.looking import look
    from shared.platform.clock import WallClock

    return await look(database, WallClock().now(), copied=_takes_backups())


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

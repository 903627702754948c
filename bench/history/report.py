"""The figures for people."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from bench.history.figures import History, Row, rows


def show(found: History, console: Console) -> None:
    """Print them as a table."""
    little, much = found.little, found.much
    title = f"Milliseconds over {little.messages:,} messages of history, and over {much.messages:,}"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold", title_style="bold")
    table.add_column("")
    for column in (f"{little.messages:,}", f"{much.messages:,}", "wanted", ""):
        table.add_column(column, justify="right")
    for row in rows(found):
        wanted = "" if row.wanted is None else f"≤ {row.wanted:,.0f}"
        table.add_row(row.name, f"{row.little:,.1f}", f"{row.much:,.1f}", wanted, _mark(row))
    console.print()
    console.print(table)
    console.print(
        f"{much.bytes / 1e9:.1f} GB, filled in {much.fill_seconds:,.0f} s. Verbs and loops: the database's own time."
        f" Single events: {little.singles_per_second:,.0f}/s and {much.singles_per_second:,.0f}/s,"
        f" a ratio of {found.singles_ratio:g}"
    )


def _mark(row: Row) -> str:
    if row.wanted is None:
        return ""
    return "[green]reached[/green]" if row.reached else "[red]missed[/red]"

"""How verbs show what they found: a table for people, JSON for programs. Progress goes to stderr."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from inspect import cleandoc
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn

_NUMBER = re.compile(r"[+-]?[\d,]+(\.\d+)?")

UNFOLDED = 10_000
"""Characters: wider than any row."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
"""The option of every verb that prints a table."""


def examples(*lines: str) -> str:
    """An epilog for `--help`: each line one command, with what it does after a `#`."""
    return "[bold]Examples[/bold]\n\n" + "\n\n".join(f"  $ {line}" for line in lines)


def flowing(text: str) -> str:
    """A docstring's paragraphs, each in one line, so that help breaks them where the terminal ends."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in cleandoc(text).split("\n\n"))


def print_json(value: Any) -> None:
    """Print `value` as indented JSON; models, dates and decimals become what pydantic makes of them."""
    from pydantic_core import to_json

    typer.echo(to_json(value, indent=2).decode())


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> None:
    """Print `rows` under `columns`; columns of numbers are set to the right, None is left empty.

    A terminal's width is kept. Anything else, a pipe or a file, gets one line a row, whatever its length.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    body = [list(row) for row in rows]
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        cells = [str(row[index]) for row in body if row[index] is not None]
        numeric = bool(cells) and all(map(_NUMBER.fullmatch, cells))
        # An id is there to be copied.
        table.add_column(column, justify="right" if numeric else "left", overflow="fold", no_wrap=column == "id")
    console = Console()
    if not console.is_terminal:
        console.width = UNFOLDED
    for row in body:
        cells = ["" if cell is None else str(cell) for cell in row]
        if not console.is_terminal:
            cells = [cell.replace("\n", " ") for cell in cells]
        table.add_row(*map(Text, cells))  # as written: `[/b]` is no style
    if console.is_terminal:
        console.print(table)
        return
    with console.capture() as captured:
        console.print(table)
    typer.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def progress_bar(*columns: ProgressColumn) -> Progress:
    """A bar on stderr, gone when all is done; there is none where that is no terminal. Without `columns`: rich's."""
    from rich.progress import Progress

    console = progress_console()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def progress_console() -> Console:
    """Where progress is shown: stderr, and nothing moves there when it is not a terminal."""
    from rich.console import Console

    return Console(stderr=True)

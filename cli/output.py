"""How verbs show what they found: a table for people, JSON for programs. Progress goes to stderr.

On a terminal nothing is broken inside a word: columns are narrowed, and where that is not enough each row is told line
by line. A pipe, a file and `--wide` get one line a row, whatever its length.
"""

from __future__ import annotations

import functools
import inspect
import re
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from inspect import cleandoc
from itertools import zip_longest
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn

_NUMBER = re.compile(r"[+-]?[\d,]+(\.\d+)?")
_GAP = 2

SHORT = 18
"""Columns that are no wider are kept on one line, as long as the others leave the room."""
LINES_A_ROW = 8
"""A row that would be higher is told line by line."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
"""The option of every verb that prints a table."""


Wide = Annotated[bool, typer.Option("--wide", help="One line a row, with whole ids, whatever the terminal's width.")]
_wide: ContextVar[bool] = ContextVar("wide", default=False)


def with_wide(verb: Callable[..., Any]) -> Callable[..., Any]:
    """A verb that prints a table, with `--wide` beside its own options."""

    @functools.wraps(verb)
    def run(*arguments: Any, wide: bool = False, **options: Any) -> Any:
        token = _wide.set(wide)
        try:
            return verb(*arguments, **options)
        finally:
            _wide.reset(token)

    signature = inspect.signature(verb, eval_str=True)
    option = inspect.Parameter("wide", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Wide)
    run.__signature__ = signature.replace(parameters=[*signature.parameters.values(), option])  # type: ignore[attr-defined]
    run.__annotations__ = {**verb.__annotations__, "wide": Wide}
    return run


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


def room() -> int | None:
    """How many columns there are; None where everything is printed whole: not to a terminal, or with `--wide`."""
    return shutil.get_terminal_size().columns if _is_terminal() and not _wide.get() else None


def _is_terminal() -> bool:
    return sys.stdout.isatty()


def say(text: str) -> None:
    """Print sentences, on a terminal in lines that end with a word. Indented lines stay indented."""
    typer.echo(folded(text, room()))


def folded(text: str, width: int | None) -> str:
    """`text` in lines of at most `width` columns, as far as no word is longer; None for as it is."""
    if width is None:
        return text
    lines: list[str] = []
    for line in text.split("\n"):
        indent = " " * (len(line) - len(line.lstrip(" ")))
        lines += [f"{indent}{part}".rstrip() for part in _words_in_lines(line, width - len(indent))]
    return "\n".join(lines)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> None:
    """Print `rows` under `columns`; columns of numbers are set to the right, None is left empty."""
    body = [["" if cell is None else _visible(str(cell)) for cell in row] for row in rows]
    width = room()
    if width is None:
        body = [[" ".join(cell.split("\n")) for cell in row] for row in body]
        widths: list[int] | None = _natural([list(columns), *body])
    else:
        widths = fitting([list(columns), *body], width)
    if title is not None:
        typer.echo(folded(title, width))
    for line in _stacked(columns, body, width or 0) if widths is None else _tabular(columns, body, widths):
        typer.echo(line)


def fitting(rows: Sequence[Sequence[str]], width: int) -> list[int] | None:
    """How wide each column is to be so that no word is broken; None where they don't fit side by side.

    Args:
        rows: the columns' names, then the cells.
        width: columns of the terminal.
    """
    natural = _natural(rows)
    words = [
        max((_cells(word) for cell in column for word in cell.split()), default=0) for column in zip(*rows, strict=True)
    ]
    whole = [full if full <= SHORT else word for full, word in zip(natural, words, strict=True)]
    left = width - _GAP * (len(natural) - 1)
    for least in (whole, words):
        if sum(least) <= left:
            widths = _shared_out(natural, least, left)
            if all(_height(row, widths) <= LINES_A_ROW for row in rows):
                return widths
    return None


def _shared_out(natural: Sequence[int], least: Sequence[int], left: int) -> list[int]:
    """The widest columns give way first, and none below its least."""
    for most in range(max(natural, default=0), 0, -1):
        widths = [min(full, max(few, most)) for full, few in zip(natural, least, strict=True)]
        if sum(widths) <= left:
            return widths
    return list(least)


def _natural(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(_cells(line) for cell in column for line in cell.split("\n")) for column in zip(*rows, strict=True)]


def _height(row: Sequence[str], widths: Sequence[int]) -> int:
    return max(len(_words_in_lines(cell, width)) for cell, width in zip(row, widths, strict=True))


def _tabular(columns: Sequence[str], body: Sequence[Sequence[str]], widths: Sequence[int]) -> Iterable[str]:
    numeric = [
        any(column) and all(_NUMBER.fullmatch(cell) for cell in column if cell)
        for column in (zip(*body, strict=True) if body else [()] * len(columns))
    ]
    if any(columns):
        yield from _row(columns, widths, numeric, bold=True)
    for row in body:
        yield from _row(row, widths, numeric)


def _row(row: Sequence[str], widths: Sequence[int], numeric: Sequence[bool], *, bold: bool = False) -> Iterable[str]:
    cells = [_words_in_lines(cell, width) for cell, width in zip(row, widths, strict=True)]
    for parts in zip_longest(*cells, fillvalue=""):
        padded = [
            f"{' ' * (width - _cells(part))}{part}" if right else f"{part}{' ' * (width - _cells(part))}"
            for part, width, right in zip(parts, widths, numeric, strict=True)
        ]
        line = (" " * _GAP).join(padded).rstrip()
        yield typer.style(line, bold=True) if bold and line else line


def _stacked(columns: Sequence[str], body: Sequence[Sequence[str]], width: int) -> Iterable[str]:
    """Each row as a block, a line for each of its cells; one whose words need all the room begins on a line below."""
    labels = max(map(_cells, columns))
    for number, row in enumerate(body):
        if number:
            yield ""
        for column, cell in zip(columns, row, strict=True):
            if not cell:
                continue
            label = f"{column}{' ' * (labels - _cells(column))}"
            beside = width - labels - _GAP
            if max(_cells(word) for word in cell.split() or [""]) > beside:
                yield typer.style(column, bold=True)
                yield from (part for line in cell.split("\n") for part in _words_in_lines(line, width))
                continue
            for at, part in enumerate(_words_in_lines(cell, beside)):
                yield f"{' ' * labels if at else typer.style(label, bold=True)}{' ' * _GAP}{part}".rstrip()


def _words_in_lines(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` columns; only a word that is longer itself is longer."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        if _cells(paragraph) <= width:
            lines.append(paragraph)
            continue
        line = ""
        for word in paragraph.split():
            if line and _cells(line) + 1 + _cells(word) > width:
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}" if line else word
        lines.append(line)
    return lines


def _cells(text: str) -> int:
    """Columns of a terminal: Hangul takes two."""
    from rich.cells import cell_len

    return cell_len(text)


def _visible(text: str) -> str:
    """What a customer wrote, as written; what would move a cursor or colour the screen is shown as a mark instead."""
    if text.isprintable():
        return text
    return "".join(_mark(character) for character in text)


def _mark(character: str) -> str:
    if character == "\n" or character.isprintable():
        return character
    return " " if character == "\t" or unicodedata.category(character) == "Zs" else "\ufffd"


def progress_bar(*columns: ProgressColumn) -> Progress:
    """A bar on stderr, gone when all is done; there is none where that is no terminal. Without `columns`: rich's."""
    from rich.progress import Progress

    console = progress_console()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def progress_console() -> Console:
    """Where progress is shown: stderr, and nothing moves there when it is not a terminal."""
    from rich.console import Console

    return Console(stderr=True)

"""`python -m bench.history.chart`: draws docs/history.svg, each figure over little history and over much.

Every figure is a time, so one axis is enough, on which each step is ten times the one before. Written by hand like the
other pictures: what libraries for charts bring along is larger than the product.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

import orjson
from pydantic import TypeAdapter

from bench.history.figures import History, Row, rows
from local.home import CHECKOUT

PICTURE = CHECKOUT / "docs" / "history.svg"
RESULTS = CHECKOUT / "bench" / "results.json"

WIDTH, LEFT, RIGHT, TOP, LINE = 980, 300, 30, 96, 26
INK, SOFT, GRID, LITTLE, MUCH, MISSED = "#0f172a", "#475569", "#e2e8f0", "#94a3b8", "#1d4ed8", "#b91c1c"
LEAST_MS = 0.1


def draw(found: History) -> str:
    """The picture."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: History) -> Iterator[str]:
    shown = list(rows(found))
    largest = max(value for row in shown for value in (row.little, row.much, row.wanted or 0.0))
    powers = range(round(math.log10(LEAST_MS)), math.ceil(math.log10(largest)) + 1)
    high = TOP + LINE * len(shown) + 40

    def x(ms: float) -> float:
        share = (math.log10(max(ms, LEAST_MS)) - powers[0]) / (powers[-1] - powers[0])
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {high}" width="{WIDTH}" height="{high}"'
        " font-family=\"system-ui, -apple-system, 'Segoe UI', 'Noto Sans', sans-serif\">"
    )
    title = f"Over {found.little.messages:,} messages of history, and over {found.much.messages:,}"
    yield f"<title>{title}</title>"
    yield f'<rect width="{WIDTH}" height="{high}" fill="#fcfcfd"/>'
    yield _text(20, 36, title, 18, INK, bold=True)
    yield _text(
        20, 60, "Grey: little. Blue: much; red where more was wanted. The upright stroke: wanted at most.", 12, SOFT
    )
    for power in powers:
        at = x(10.0**power)
        yield f'<path d="M{at:.1f} {TOP - 8}V{high - 32}" stroke="{GRID}"/>'
        yield _text(at, high - 14, _time(10.0**power), 11, SOFT, anchor="middle")
    for number, row in enumerate(shown):
        yield from _row(row, TOP + number * LINE + 8, x(row.little), x(row.much), row.wanted and x(row.wanted))
    yield "</svg>"


def _row(row: Row, y: int, little: float, much: float, wanted: float | None) -> Iterator[str]:
    colour = MUCH if row.reached else MISSED
    yield _text(LEFT - 16, y + 4, row.name, 12, INK, anchor="end")
    yield f'<path d="M{little:.1f} {y}H{much:.1f}" stroke="{colour}" stroke-width="2"/>'
    if wanted:
        yield f'<path d="M{wanted:.1f} {y - 8}v16" stroke="{SOFT}" stroke-width="2"/>'
    yield f'<circle cx="{little:.1f}" cy="{y}" r="5" fill="{LITTLE}"/>'
    told = escape(f"{row.name}: {_time(row.little)}, {_time(row.much)}")
    yield f'<circle cx="{much:.1f}" cy="{y}" r="5" fill="{colour}"><title>{told}</title></circle>'


def _time(ms: float) -> str:
    number, unit = (ms, "ms") if ms < 1_000 else (ms / 1_000, "s")
    return f"{number:.3g} {unit}" if number < 1_000 else f"{number:,.0f} {unit}"


def _text(x: float, y: float, text: str, size: float, colour: str, *, bold: bool = False, anchor: str = "start") -> str:
    weight = ' font-weight="700"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" font-size="{size}"{weight} fill="{colour}">'
        f"{escape(text)}</text>"
    )


def read(results: Path) -> History:
    """What a run found: of `python -m bench`, or of `python -m bench.history --json`. Raises ValueError for others."""
    told = orjson.loads(results.read_bytes())
    return TypeAdapter(History).validate_python(told.get("history", told))


def main(arguments: list[str] | None = None) -> int:
    """The command line; `arguments` are the process's own unless given."""
    parser = argparse.ArgumentParser(prog="python -m bench.history.chart", description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, nargs="?", default=RESULTS, help="what a run printed as JSON")
    parser.add_argument("--to", type=Path, default=PICTURE, help="where the picture goes")
    options = parser.parse_args(arguments)
    try:
        found = read(options.results)
    except (OSError, ValueError) as error:
        parser.error(f"{options.results} has no history: {error}")
    options.to.write_text(draw(found), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

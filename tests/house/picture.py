"""Draws docs/rooms.svg: the rooms of the product, and the arrows that its imports really are.

`python -m tests.house.picture` draws it anew; a test holds it to the code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from local.home import CHECKOUT
from tests.house.imports import files_of, imports_of, name_of

PICTURE = CHECKOUT / "docs" / "rooms.svg"

FLOORS: tuple[Mapping[str, int], ...] = (
    {"operations": 110, "inbox": 360, "workflows": 610, "campaigns": 865},
    {"messages": 490},
    {"credits": 120, "templates": 325, "tenants": 520, "customers": 715},
    {"providers": 325, "law": 890},
    {"platform": 325, "contracts": 520},
)
"""From the roof down, each room with its middle. Who stands on one floor knows nothing of its neighbours."""

SAYS: Mapping[str, str] = {
    "campaigns": "many at once",
    "workflows": "from event to message",
    "inbox": "what apps show",
    "operations": "is it well, who is told",
    "messages": "one message's life",
    "credits": "every won, proven",
    "templates": "what is said",
    "tenants": "who sends",
    "customers": "who is reached",
    "providers": "one wire each",
    "law": "pure, cites its article",
    "platform": "no word of the business",
    "contracts": "what crosses a boundary",
}

WIDTH, BOX, HIGH, GAP, TOP = 980, 170, 88, 148, 108
NAMES_A_LINE = 3
INK, SOFT, LINE, FILL, EDGE = "#0f172a", "#475569", "#94a3b8", "#dbeafe", "#1d4ed8"


def arrows() -> set[tuple[str, str]]:
    """Which top-level room imports which, without those that follow from others."""
    rooms = {room for floor in FLOORS for room in floor}
    direct = {
        (room, imported.split(".")[1])
        for room in rooms
        for file in files_of(f"shared/{room}")
        for imported in imports_of(file)
        if imported.startswith("shared.") and imported.split(".")[1] in rooms - {room}
    }
    return {arrow for arrow in direct if not _goes_around(arrow, direct)}


def _goes_around(arrow: tuple[str, str], direct: set[tuple[str, str]]) -> bool:
    """Whether another way leads from its one end to the other."""
    start, end = arrow
    seen, todo = set(), [at for begin, at in direct if begin == start and at != end]
    while todo:
        at = todo.pop()
        if at == end:
            return True
        if at not in seen:
            seen.add(at)
            todo += [onward for begin, onward in direct if begin == at]
    return False


def rooms_within(room: str) -> list[str]:
    """The names of the rooms in a room."""
    inside = {name_of(file).split(".")[2] for file in files_of(f"shared/{room}") if file.parent.parent.name == room}
    return sorted(inside)


def _places() -> dict[str, tuple[int, int]]:
    """The middle of each room's upper edge."""
    return {room: (x, TOP + number * GAP) for number, floor in enumerate(FLOORS) for room, x in floor.items()}


def draw() -> str:
    """The picture."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    places, high = _places(), TOP + (len(FLOORS) - 1) * GAP + HIGH + 50
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {high}" width="{WIDTH}" height="{high}"'
        " font-family=\"system-ui, -apple-system, 'Segoe UI', 'Noto Sans', sans-serif\">"
    )
    yield "<title>The rooms of the product, and which knows which</title>"
    yield (
        '<defs><marker id="a" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0L10 5L0 10z" fill="{LINE}"/></marker></defs>'
    )
    yield f'<rect width="{WIDTH}" height="{high}" fill="#fcfcfd"/>'
    yield _text(20, 36, "The rooms of shared/", 18, INK, bold=True, anchor="start")
    note = "An arrow: the upper room imports the lower. What follows from other arrows is left out."
    yield _text(20, 60, note, 12, SOFT, anchor="start")
    roof = "functions/ · cli/ · local/ call them through bootstrap.py; nothing here knows those, nor the simulator"
    yield _text(WIDTH / 2, 90, roof, 12, SOFT)
    for start, end in sorted(arrows()):
        (x1, y1), (x2, y2) = places[start], places[end]
        y1 += HIGH
        yield (
            f'<path d="M{x1:.0f} {y1} C{x1:.0f} {y1 + 40} {x2:.0f} {y2 - 40} {x2:.0f} {y2 - 2}" fill="none"'
            f' stroke="{LINE}" stroke-width="1.6" marker-end="url(#a)"/>'
        )
    for room, (x, y) in places.items():
        yield (
            f'<rect x="{x - BOX / 2:.0f}" y="{y}" width="{BOX}" height="{HIGH}" rx="8" fill="{FILL}" stroke="{EDGE}"'
            ' stroke-width="1.5"/>'
        )
        yield _text(x, y + 24, room, 15, INK, bold=True)
        yield _text(x, y + 43, SAYS[room], 11.5, SOFT)
        inside = rooms_within(room)
        for line, at in enumerate(range(0, len(inside), NAMES_A_LINE)):
            yield _text(x, y + 61 + 15 * line, " · ".join(inside[at : at + NAMES_A_LINE]), 10.5, EDGE)
    yield "</svg>"


def _text(
    x: float, y: float, text: str, size: float, colour: str, *, bold: bool = False, anchor: str = "middle"
) -> str:
    weight = ' font-weight="700"' if bold else ""
    return f'<text x="{x:.0f}" y="{y}" text-anchor="{anchor}" font-size="{size}"{weight} fill="{colour}">{text}</text>'


def write(picture: Path = PICTURE) -> None:
    """Draw it anew."""
    picture.write_text(draw(), encoding="utf-8")


if __name__ == "__main__":
    write()

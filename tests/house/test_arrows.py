"""Imports point down: a room knows the rooms below it, and none of those above."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import TopologicalSorter

import pytest

from tests.house.imports import files_of, imports_of, name_of
from tests.house.picture import FLOORS, PICTURE, draw

BASE = ("contracts", "platform")
MONEY = ("credits", "credits.ledger", "credits.prices", "credits.payments", "credits.topups", "credits.plans")
MESSAGES = ("messages", "messages.dispatch", "messages.reports", "messages.stories")
BELOW_MESSAGES = ("templates", "tenants", "customers", "law", "providers", *BASE)

MAY_IMPORT: Mapping[str, tuple[str, ...]] = {
    "contracts": (),
    "platform": (),
    "law": ("platform",),
    "providers": BASE,
    "tenants": ("providers", *BASE),
    "customers": BASE,
    "templates": ("law", "providers", *BASE),
    "credits": ("platform",),
    "credits.ledger": ("credits", *BASE),
    "credits.prices": ("credits", "credits.ledger", *BASE),
    "credits.payments": ("credits", "credits.ledger", "providers", *BASE),
    "credits.topups": ("credits", "credits.ledger", "credits.payments", "providers", *BASE),
    "credits.plans": ("credits", "credits.ledger", "credits.payments", "providers", *BASE),
    "messages": BELOW_MESSAGES,
    # What is sent is held, and what is reported is charged, in the same statement: these two know the ledger's parts.
    "messages.reports": ("messages", "credits.ledger", "credits.prices", *BELOW_MESSAGES),
    "messages.dispatch": ("messages", "messages.reports", "credits.ledger", "credits.prices", *BELOW_MESSAGES),
    "messages.stories": ("messages", "credits", *BELOW_MESSAGES),
    "workflows": ("messages", *BELOW_MESSAGES),
    "workflows.events": ("workflows", "messages", *BELOW_MESSAGES),
    "workflows.ticks": ("workflows", "messages", *BELOW_MESSAGES),
    "campaigns": ("messages", *MONEY, *BELOW_MESSAGES),
    "operations": (*MESSAGES, *MONEY, *BELOW_MESSAGES),
    "bootstrap": ("workflows", "workflows.events", "workflows.ticks", "operations", *MESSAGES, *MONEY, *BELOW_MESSAGES),
}
"""By room of `shared`: the rooms that it may know, beside itself. A room within a room is one of its own."""

PROGRAMS_MAY_IMPORT: Mapping[str, tuple[str, ...]] = {
    "shared": (),
    "functions": ("shared",),
    "simulator": ("shared",),
    "release": ("shared",),
    "local": ("shared", "simulator"),
    "cli": ("shared", "simulator", "local", "release"),
    "bench": ("shared", "simulator", "local", "cli", "release"),
}

SIMULATOR_MAY_KNOW = ("contracts", "platform")
"""Of the product. A stranger's server that knew more would agree with our mistakes."""


def room_of(module: str) -> str:
    """`shared.messages.dispatch.store` → `messages.dispatch`."""
    name = module.removeprefix("shared.")
    return next((room for room in sorted(MAY_IMPORT, key=len, reverse=True) if f"{name}.".startswith(f"{room}.")), name)


def test_every_room_is_named_here() -> None:
    rooms = {room_of(name_of(file)) for file in files_of("shared")} - {"shared"}
    assert rooms == set(MAY_IMPORT)


def test_the_arrows_make_no_circle() -> None:
    assert len(list(TopologicalSorter(MAY_IMPORT).static_order())) == len(MAY_IMPORT)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_lies_below_it(room: str) -> None:
    wrong = [
        f"{name_of(file)} imports {imported}"
        for file in files_of("shared")
        if room_of(name_of(file)) == room
        for imported in imports_of(file)
        if imported.startswith("shared.") and room_of(imported) not in (room, *MAY_IMPORT[room])
    ]
    assert wrong == []


@pytest.mark.parametrize("program", PROGRAMS_MAY_IMPORT)
def test_a_program_imports_only_what_it_stands_on(program: str) -> None:
    wrong = [
        f"{name_of(file)} imports {imported}"
        for file in files_of(program)
        for imported in imports_of(file)
        if imported.partition(".")[0] not in (program, *PROGRAMS_MAY_IMPORT[program])
    ]
    assert wrong == []


def test_the_simulator_knows_little_of_the_product() -> None:
    wrong = [
        f"{name_of(file)} imports {imported}"
        for file in files_of("simulator")
        for imported in imports_of(file)
        if imported.startswith("shared.") and room_of(imported) not in SIMULATOR_MAY_KNOW
    ]
    assert wrong == []


def test_a_provider_knows_nothing_of_the_database() -> None:
    wrong = [
        f"{name_of(file)} imports {imported}"
        for room in ("providers", "law", "contracts")
        for file in files_of(f"shared/{room}")
        for imported in imports_of(file)
        if imported.startswith("shared.platform.database")
    ]
    assert wrong == []


def test_the_picture_shows_every_room_and_the_arrows_that_there_are() -> None:
    top = {room.partition(".")[0] for room in MAY_IMPORT} - {"bootstrap"}
    assert {room for floor in FLOORS for room in floor} == top
    assert PICTURE.read_text(encoding="utf-8") == draw(), "draw it anew: python -m tests.house.picture"

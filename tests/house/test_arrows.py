"""Imports point down: a room knows the rooms below it, and none of those above."""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from local.home import CHECKOUT
from tests.house.imports import PROGRAMS, files_of, imported_by, imports_of, name_of, tree_of
from tests.house.picture import FLOORS, PICTURE, draw

BASE = ("contracts", "platform")
STORES = ("platform.database", "platform.signals", "platform.pubsub", "platform.loops", *BASE)
"""What a room with a database stands on."""

MONEY = (
    "credits",
    "credits.ledger",
    "credits.prices",
    "credits.payments",
    "credits.payments.calls",
    "credits.topups",
    "credits.plans",
)
MESSAGES = (
    "messages",
    "messages.routes",
    "messages.dispatch",
    "messages.dispatch.fairness",
    "messages.dispatch.choice",
    "messages.dispatch.health",
    "messages.reports",
    "messages.stories",
)
WORKFLOWS = ("workflows", "workflows.events", "workflows.ticks")
OPERATIONS = tuple(
    f"operations.{room}"
    for room in ("backups", "dead_letters", "health", "inspections", "keys", "reconcile", "retention", "watch")
)
BELOW_MESSAGES = (
    "templates",
    "templates.parts",
    "tenants",
    "tenants.lending",
    "tenants.senders",
    "customers",
    "customers.files",
    "law",
    "providers",
    *STORES,
)

MAY_IMPORT: Mapping[str, tuple[str, ...]] = {
    "contracts": (),
    "platform": (),
    "platform.loops": ("platform",),
    "platform.database": ("platform",),
    "platform.signals": ("platform", "platform.database"),
    "platform.pubsub": ("platform", "platform.signals"),
    "platform.doors": ("platform", "platform.database"),
    "law": ("platform",),
    "providers": BASE,
    "tenants": ("tenants.senders", "providers", "law", *STORES),
    "tenants.senders": ("law", *STORES),
    "providers.templated": ("providers", *BASE),
    "tenants.lending": ("tenants", "tenants.senders", "law", *STORES),
    "customers": STORES,
    "customers.files": ("customers", *BASE),
    "templates.parts": BASE,
    "templates": ("templates.parts", "law", "providers", *STORES),
    "templates.compiling": ("templates", "templates.parts", "law", "providers", "providers.templated", *BASE),
    "credits": ("platform",),
    "credits.ledger": ("credits", *STORES),
    "credits.prices": ("credits", "credits.ledger", *STORES),
    "credits.payments": ("credits", "credits.ledger", "providers", *STORES),
    "credits.payments.calls": ("credits", "credits.payments", "providers", *STORES),
    "credits.topups": ("credits", "credits.ledger", "credits.payments", "providers", *STORES),
    "credits.plans": ("credits", "credits.ledger", "credits.payments", "providers", *STORES),
    "messages": BELOW_MESSAGES,
    "messages.routes": ("messages", "credits.prices", *BELOW_MESSAGES),
    # What is sent is held, and what is reported is charged, in the same statement: these two know the ledger's parts.
    "messages.reports": ("messages", "platform.doors", "credits.ledger", "credits.prices", *BELOW_MESSAGES),
    "messages.dispatch.fairness": ("tenants", *STORES),
    "messages.dispatch.health": ("providers", "tenants", *STORES),
    "messages.dispatch.choice": ("messages", "messages.dispatch.health", "tenants", "law", *STORES),
    "messages.dispatch": (
        "messages.dispatch.fairness",
        "messages.dispatch.choice",
        "messages.dispatch.health",
        "messages",
        "messages.reports",
        "credits.ledger",
        "credits.prices",
        *BELOW_MESSAGES,
    ),
    "messages.stories": ("messages", "credits", *BELOW_MESSAGES),
    "inbox": ("messages", "messages.reports", *BELOW_MESSAGES),
    "workflows": ("messages", *BELOW_MESSAGES),
    "workflows.events": ("workflows", "messages", "messages.routes", *BELOW_MESSAGES),
    "workflows.ticks": ("workflows", "messages", "messages.routes", *BELOW_MESSAGES),
    "campaigns": ("messages", "messages.routes", *MONEY, *BELOW_MESSAGES),
    "operations": (),
    "operations.health": ("messages.dispatch.health", "tenants", *STORES),
    "operations.watch": ("operations.health", "providers", *STORES),
    "operations.backups": ("credits.ledger", *STORES),
    "operations.dead_letters": STORES,
    "operations.inspections": (
        "templates",
        "templates.compiling",
        "tenants",
        "providers",
        "providers.templated",
        *STORES,
    ),
    # The rooms that keep what is sealed seal it anew.
    "operations.keys": ("credits.payments", "tenants", *STORES),
    "operations.reconcile": ("credits", "credits.ledger", "providers", "tenants", *STORES),
    "operations.retention": ("tenants", *STORES),
    "bootstrap": (
        "platform.doors",
        "inbox",
        "providers.templated",
        *WORKFLOWS,
        *OPERATIONS,
        *MESSAGES,
        *MONEY,
        *BELOW_MESSAGES,
    ),
}
"""By room of `shared`: the rooms that it may know, beside itself. A room within a room is one of its own."""

LIBRARIES: Mapping[str, tuple[str, ...]] = {
    "law": (),
    "contracts": ("pydantic", "pydantic_core"),
    "providers": ("aiosmtplib", "cryptography", "httpx", "orjson", "pydantic"),
}
"""By room that stays away from the database, or is pure: what it may import that is neither ours nor Python's."""

DRIVERS = {"psycopg", "psycopg_pool", "psycopg_c", "yoyo", "asyncpg", "sqlalchemy"}
KNOW_THE_DRIVER: Mapping[str, str] = {
    "platform.database.arrays": "the driver's own way with lists",
    "platform.database.migrations": "before there is a schema",
    "platform.database.patience": "how long a connection is waited for",
    "platform.database.pool": "has the connections",
    "platform.database.pulse": "whether there is a database at all",
    "credits.ledger.ledger": "an account that would be overdrawn is refused by the database's own check",
    "operations.backups.restore_store": "every table, by its name",
    "operations.backups.store": "every table, by its name, as a stream",
    "operations.retention.retaining": "a table that others use waits for the next night",
}
"""The modules of `shared` that import what speaks to Postgres, and why a `Database` is not enough for them."""

PROGRAMS_MAY_IMPORT: Mapping[str, tuple[str, ...]] = {
    "shared": (),
    "functions": ("shared",),
    "simulator": ("shared",),
    "release": ("shared",),
    "local": ("shared", "simulator"),
    "cli": ("shared", "simulator", "local", "release"),
    "bench": ("shared", "simulator", "local", "cli", "release"),
}

SIMULATOR_MAY_KNOW = ("contracts", "platform", "platform.pubsub")
"""Of the product. A stranger's server that knew more would agree with our mistakes."""


def room_of(module: str) -> str:
    """`shared.messages.dispatch.store` → `messages.dispatch`."""
    name = module.removeprefix("shared.")
    return next((room for room in sorted(MAY_IMPORT, key=len, reverse=True) if f"{name}.".startswith(f"{room}.")), name)


def test_every_room_is_named_here() -> None:
    """A provider of several modules has a folder, and is in its providers' room all the same."""
    folders = {file.parent.relative_to(CHECKOUT / "shared") for file in files_of("shared")} - {Path()}
    folders -= {folder for folder in folders if folder.parts[:-1] == ("providers",) and folder.name != "templated"}
    assert {".".join(folder.parts) for folder in folders} == set(MAY_IMPORT) - {"bootstrap"}
    assert {file.stem for file in (CHECKOUT / "shared").glob("*.py")} == {"__init__", "bootstrap"}


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


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_import_is_a_statement_that_names_the_whole_way(program: str) -> None:
    for file in files_of(program):
        assert [name for name in imported_by(file) if name.startswith(".")] == [], name_of(file)
        used = {getattr(node, "attr", getattr(node, "id", None)) for node in ast.walk(tree_of(file))}
        assert used & {"import_module", "__import__"} == set(), name_of(file)


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


@pytest.mark.parametrize("room", LIBRARIES)
def test_a_room_away_from_the_database_has_no_other_way_to_it(room: str) -> None:
    wrong = [
        f"{name_of(file)} imports {imported}"
        for file in files_of(f"shared/{room}")
        for imported in imported_by(file)
        if imported.partition(".")[0] not in {*PROGRAMS, *sys.stdlib_module_names, *LIBRARIES[room]}
    ]
    assert wrong == []


def test_what_speaks_to_postgres_is_known_to_few() -> None:
    found = {
        name_of(file).removeprefix("shared.")
        for program in ("shared", "functions")
        for file in files_of(program)
        if DRIVERS & {imported.partition(".")[0] for imported in imported_by(file)}
    }
    assert found == set(KNOW_THE_DRIVER)


def test_the_picture_shows_every_room_and_the_arrows_that_there_are() -> None:
    top = {room.partition(".")[0] for room in MAY_IMPORT} - {"bootstrap"}
    assert {room for floor in FLOORS for room in floor} == top
    assert PICTURE.read_text(encoding="utf-8") == draw(), "draw it anew: python -m tests.house.picture"

"""A grant is there for a statement: what no code of a role's program writes or reads is not granted to it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

from local.functions import ROLE_OF
from local.home import CHECKOUT
from tests.house.imports import files_of, imports_of, name_of, tree_of
from tests.house.test_tables import OWNER, written_in
from tests.schemas.walls import LOCKS_ONLY, PRIVILEGES, privileges

BOOTSTRAP = "shared.bootstrap"

PROGRAMS = {
    **{
        role: [f"functions/{name}/main.py" for name, whose in ROLE_OF.items() if whose == role]
        for role in ROLE_OF.values()
    },
    "allim_payments": ["functions/payment_webhook/main.py"],
    "allim_api": ["cli/messaging/send.py"],
    "allim_replayer": ["cli/operations/dead_letters.py"],
}
"""By role, the files in which its programs begin. An operator's and the backup's read whatever there is."""

FOR_PEOPLE = {("allim_api", table) for table in PRIVILEGES["allim_api"]} | {("allim_replayer", "dead_letters")}
"""What may be read without a statement of ours: a business's own rows, a letter as it is."""


@cache
def _files() -> dict[str, Path]:
    return {name_of(file): file for program in ("shared", "cli", "functions", "local") for file in files_of(program)}


def _wired(names: Iterable[str]) -> Iterator[str]:
    """The modules that functions of the wiring import, and those that these call."""
    defined = {
        node.name: node
        for node in tree_of(_files()[BOOTSTRAP]).body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    todo, seen = [name for name in names if name in defined], set[str]()
    while todo:
        if (name := todo.pop()) in seen:
            continue
        seen.add(name)
        for node in ast.walk(defined[name]):
            if isinstance(node, ast.ImportFrom):
                source = node.module or ""
                whole = {f"{source}.{alias.name}" for alias in node.names}
                yield from (whole & _files().keys()) or {source}
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in defined:
                todo.append(node.func.id)


def _begun_by(file: Path) -> Iterator[str]:
    """What a program's first file imports; of the wiring, only what it asks for."""
    yield from (name for name in imports_of(file) if name != BOOTSTRAP)
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.ImportFrom) and node.module == BOOTSTRAP:
            yield from _wired(alias.name for alias in node.names)


@cache
def reached(role: str) -> frozenset[str]:
    """The modules of `shared` that a role's programs run."""
    todo = [name for start in PROGRAMS[role] for name in _begun_by(CHECKOUT / start)]
    seen = set[str]()
    while todo:
        if (name := todo.pop()) not in seen and name in _files() and name != BOOTSTRAP:
            seen.add(name)
            todo += imports_of(_files()[name])
    return frozenset(name for name in seen if name.startswith("shared."))


def _texts(names: Iterable[str]) -> str:
    """All strings of some modules: statements, and the parts of which they are made."""
    return "\n".join(
        node.value
        for name in sorted(names)
        for node in ast.walk(tree_of(_files()[name]))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


WRITES = [
    (role, table, operation, columns)
    for role in PROGRAMS
    for table, operation, columns in sorted(privileges(role), key=lambda each: (*each[:2], sorted(each[2])))
    if operation in ("insert", "update", "delete") and (role, table) not in LOCKS_ONLY
]
FIRST_WORDS = {"insert": "insert into", "update": "update|do update", "delete": "delete from"}


@pytest.mark.parametrize(
    ("role", "table", "operation", "columns"), WRITES, ids=[f"{role}-{op}-{table}" for role, table, op, _ in WRITES]
)
def test_what_a_role_may_write_its_programs_write(
    role: str, table: str, operation: str, columns: frozenset[str]
) -> None:
    owners = {name for name in reached(role) if name.startswith(f"shared.{OWNER[table]}")}
    writers = {name for name in owners if table in written_in(tree_of(_files()[name]))}
    assert writers, f"nothing that {role} runs writes {table}"
    assert re.search(rf"\b({FIRST_WORDS[operation]})\b", _texts(writers)), f"nothing of it is an {operation}"
    words = set(re.findall(r"\w+", _texts(owners)))
    assert columns - words == set(), f"{role} writes none of these"


READS = [
    (role, table)
    for role in PROGRAMS
    for table in sorted({table for table, operation, _ in privileges(role) if operation == "select"})
    if (role, table) not in FOR_PEOPLE and role != "allim_backup"
]


@pytest.mark.parametrize(("role", "table"), READS, ids=[f"{role}-{table}" for role, table in READS])
def test_what_a_role_may_read_its_programs_name(role: str, table: str) -> None:
    assert re.search(rf"\b(from|join|update|into)\s+{table}\b", _texts(reached(role))), f"{role} never reads {table}"


def test_a_role_without_a_program_only_reads() -> None:
    for role in PRIVILEGES.keys() - PROGRAMS.keys():
        assert {operation for _, operation, _ in privileges(role)} == {"select"}

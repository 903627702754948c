"""What the project's modules import of each other, read from their source."""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from local.home import CHECKOUT

PROGRAMS = ("shared", "functions", "release", "simulator", "local", "cli", "bench", "tests")


def files_of(program: str) -> list[Path]:
    """Every Python file of a top-level folder."""
    return sorted((CHECKOUT / program).rglob("*.py"))


def name_of(file: Path) -> str:
    """`shared/messages/store.py` → `shared.messages.store`; a package is named like its folder."""
    parts = file.relative_to(CHECKOUT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> frozenset[str]:
    return frozenset(name_of(file) for program in PROGRAMS for file in files_of(program))


@cache
def tree_of(file: Path) -> ast.Module:
    """What a file says, as a tree.

    No garbage is collected meanwhile: what a test left behind may print a traceback as it goes, and to print one is to
    parse, within which Python 3.11 loses count ("AST constructor recursion depth mismatch").
    """
    gc.disable()
    try:
        return ast.parse(file.read_text(encoding="utf-8"))
    finally:
        gc.enable()


def imported_by(file: Path) -> Iterator[str]:
    """All that a file imports, by its whole name, wherever in it, also for its types only.

    What is imported from here is named as it is written, with its dots: `.base`.
    """
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = "." * node.level + (node.module or "")
            whole = [f"{source}.{alias.name}" for alias in node.names]
            yield from (name if name in modules() else source for name in whole)


def imports_of(file: Path) -> Iterator[str]:
    """The project's own modules that a file imports."""
    yield from (name for name in imported_by(file) if name.partition(".")[0] in PROGRAMS)

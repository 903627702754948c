"""No sum of several tasks loses what another added: `total += await ...` reads the total before it waits."""

from __future__ import annotations

import ast

import pytest

from local.home import CHECKOUT
from tests.house.imports import PROGRAMS, files_of, tree_of


def _lost(function: ast.AST) -> list[int]:
    """The lines that add what is waited for to something that other tasks may change meanwhile."""
    outer = {name for node in ast.walk(function) if isinstance(node, ast.Nonlocal | ast.Global) for name in node.names}
    return [
        node.lineno
        for node in ast.walk(function)
        if isinstance(node, ast.AugAssign)
        and any(isinstance(part, ast.Await) for part in ast.walk(node.value))
        and (not isinstance(node.target, ast.Name) or node.target.id in outer)
    ]


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_is_waited_for_is_added_after_it_has_come(program: str) -> None:
    lost = {file.relative_to(CHECKOUT).as_posix(): _lost(tree_of(file)) for file in files_of(program)}
    assert {file: lines for file, lines in lost.items() if lines} == {}


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("nonlocal total; total += await one()", id="of the function around it"),
        pytest.param("self.total += await one()", id="of an object"),
        pytest.param("totals[0] += 1 + await one()", id="of a list"),
    ],
)
def test_a_sum_that_loses_is_found(line: str) -> None:
    assert _lost(ast.parse(f"def f():\n    total = 0\n    async def g():\n        {line}")) == [4]


def test_a_sum_of_one_task_alone_is_none_that_loses() -> None:
    assert _lost(ast.parse("async def f():\n    total = 0\n    total += await one()")) == []

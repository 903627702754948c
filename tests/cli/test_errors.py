"""What a verb says that can't do what was asked."""

from __future__ import annotations

import ast
import re

import pytest

from cli.errors import CommandError, explain
from local.examples.problems import FolderError
from local.home import CHECKOUT
from local.stack import StackError
from tests.house.imports import files_of, name_of, tree_of


def _sentence(node: ast.expr) -> str:
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in parts)  # type: ignore[misc]


def test_every_sentence_begins_with_a_code() -> None:
    without = [
        f"{name_of(file)}:{node.lineno}"
        for file in files_of("cli")
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "CommandError"
        and not re.match(r"[a-z_]+: ", _sentence(node.args[0]))
    ]
    assert without == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CommandError("no_file: x can't be read: it is gone"), "no_file"),
        (StackError("no stack is up: start one"), "stack_failed"),
        (FolderError(CHECKOUT / "examples", []), "bad_files"),
    ],
    ids=["a verb's", "the stack's", "a file's"],
)
def test_an_error_has_a_code_and_is_told_whole(error: CommandError | StackError | FolderError, code: str) -> None:
    assert error.code == code
    assert explain(error) == str(error) == f"{code}: {error.detail}"

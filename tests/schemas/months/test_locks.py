"""No statement that locks rows has a part that chooses months while it runs (shared/platform/database/keys.py)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from shared.platform.database.keys import is_one
from tests.faults.boundaries import STATEMENTS

_LOCKS = re.compile(r"\bfor (?:no key )?update\b|^\s*update |\bupdate \w+ ?\w*\s+set\b", re.MULTILINE)
_LOOKED_UP = re.compile(r"\b(?:from|join|update) (?:messages|dispatches|reports|events|ledger_entries)\b(?: (\w+))?")
_NO_ALIAS = {"where", "set", "on", "cross", "left", "order", "group", "for"}


def _parts(statement: str) -> Iterator[tuple[str, str]]:
    """By look-up in a partitioned table: what its columns are called by, and the text until its part ends."""
    for found in _LOOKED_UP.finditer(statement):
        alias = found[1] if found[1] and found[1] not in _NO_ALIAS else ""
        depth, end = 0, found.end()
        while end < len(statement) and depth >= 0:
            depth += {"(": 1, ")": -1}.get(statement[end], 0)
            end += 1
        yield alias, statement[found.end() : end]


def _chosen_while_it_runs(statement: str) -> list[str]:
    if not _LOCKS.search(statement):
        return []
    return [
        found[0]
        for alias, part in _parts(statement)
        for found in re.finditer(rf"(?<![\w.]){alias}{'[.]' if alias else ''}(?:id|message) = [a-z_]+\.[a-z_]+", part)
    ]


def test_months_are_chosen_when_a_locking_statement_is_planned() -> None:
    assert {name: parts for text, name in STATEMENTS.items() if (parts := _chosen_while_it_runs(text))} == {}


LOCKED = "select * from (select 1) a cross join lateral (select * from messages where id = {} for update) m"


def test_a_key_that_is_another_rows_column_is_found() -> None:
    assert _chosen_while_it_runs(LOCKED.format("a.id")) == ["id = a.id"]
    assert _chosen_while_it_runs(LOCKED.format(is_one("a.id"))) == []
    assert _chosen_while_it_runs("update messages m set id = 1 from x where m.id = x.id") == ["m.id = x.id"]

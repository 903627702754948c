"""No statement that locks rows has a part that chooses months while it runs.

A row that changed while it was waited for is judged anew, by a copy of the whole plan. Of a look-up in a partitioned
table that compares its key with another row's column, Postgres chooses the partitions while it runs, and keeps how in a
place that the copy takes over and then leaves freed: Postgres 18.4 crashes there (`find_matching_subplans_recurse`). It
chooses none by `= any(...)` of an array that is another row's column, and uses the index all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

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


def test_a_key_that_is_another_rows_column_is_found_and_an_array_is_not() -> None:
    assert _chosen_while_it_runs(LOCKED.format("a.id")) == ["id = a.id"]
    assert _chosen_while_it_runs(LOCKED.format("any(a.key)")) == []
    assert _chosen_while_it_runs("update messages m set id = 1 from x where m.id = x.id") == ["m.id = x.id"]

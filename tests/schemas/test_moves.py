"""Nothing moves backwards, whoever wants it: each pair of states, and the rules in plain Python of `moves`."""

from __future__ import annotations

from itertools import product

import psycopg
import pytest
from psycopg import Connection, sql
from psycopg.errors import RestrictViolation

from tests.databases import Migrated
from tests.schemas.moves import LAWS, Law, Values


def _set(connection: Connection, table: str, values: Values, besides: str = "") -> None:
    columns = sql.SQL(", ").join(
        sql.SQL("{} = {}").format(sql.Identifier(name), value) for name, value in values.items()
    )
    more = sql.SQL(f", {besides}" if besides else "")
    statement = sql.SQL("update {} set {}{}").format(sql.Identifier(table), columns, more)
    assert connection.execute(statement).rowcount == 1


def _moves(owner: Connection, law: Law, old: Values, new: Values) -> bool:
    """Whether the role may move a row from `old` to `new`. What comes of it is undone."""
    with owner.transaction(force_rollback=True):
        owner.execute("set constraints all deferred")
        _set(owner, law.table, old, law.besides)
        owner.execute(sql.SQL("set local role {}").format(sql.Identifier(law.role)))
        try:
            with owner.transaction():
                _set(owner, law.table, new)
        except RestrictViolation:
            return False
    return True


@pytest.mark.parametrize("law", LAWS)
def test_a_state_goes_where_the_rules_let_it_go(filled: Migrated, law: str) -> None:
    rules = LAWS[law]
    with psycopg.connect(filled.url) as owner:
        for old, new in product(rules.states, repeat=2):
            assert _moves(owner, rules, old, new) == rules.may_become(old, new), (old, new)


@pytest.mark.parametrize("law", LAWS)
def test_the_owner_may_mend_a_row(filled: Migrated, law: str) -> None:
    rules = LAWS[law]
    with psycopg.connect(filled.url) as owner, owner.transaction(force_rollback=True):
        for state in [*rules.states, *reversed(rules.states)]:
            _set(owner, rules.table, state, rules.besides)

"""No table without a life, and what the code says of lives is what the database does."""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
import pytest

from local.home import CHECKOUT
from shared.operations.retention.lives import FAMILIES, LEAVE_WITH_OTHERS, LIVES, Leaving
from tests.databases import Migrated
from tests.operations.retention.months import Owner

ADVERTS, ACCESS, PAYMENTS = 6, 24, 60
"""Months that the law asks for."""


@pytest.fixture
def owner(module_database: Migrated) -> Iterator[Owner]:
    with psycopg.connect(module_database.url, autocommit=True) as connection:
        yield connection


def test_no_table_is_without_a_life(owner: Owner) -> None:
    tables = owner.execute(
        "select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
        " and relname !~ '^_?yoyo'"
    ).fetchall()
    assert {table for (table,) in tables} == set(LIVES)


def test_what_lies_in_months_leaves_by_months_and_its_family_with_it(owner: Owner) -> None:
    parents = {parent for (parent,) in owner.execute("select parent from partitions").fetchall()}
    assert parents == {life.table for life in LIVES.values() if life.leaving is Leaving.MONTHS}
    assert sorted(parents) == sorted(table for family in FAMILIES for table in family)
    for family in FAMILIES:
        assert len({LIVES[table].months for table in family}) == 1


def test_the_database_lets_live_what_the_code_says(owner: Owner) -> None:
    lives = owner.execute(
        "select what, (extract(year from life) * 12 + extract(month from life))::int,"
        " (extract(year from kept) * 12 + extract(month from kept))::int from months.lives()"
    ).fetchall()
    ours = {
        (life.table, life.months, life.kept)
        for life in LIVES.values()
        if life.months is not None and life.table not in LEAVE_WITH_OTHERS
    }
    assert set(lives) == ours


def test_a_row_ages_by_a_column_that_there_is_and_never_ages_where_it_stays(owner: Owner) -> None:
    for life in LIVES.values():
        ages = life.leaving in (Leaving.MONTHS, Leaving.ROWS)
        assert (life.months is not None) == ages, life.table
        if life.by is not None:
            owner.execute(f"select {life.by} from {life.table} limit 0")  # noqa: S608 - names from above
        elif ages:
            assert life.table in LEAVE_WITH_OTHERS
        assert life.because.endswith("."), life.table


def test_nothing_lives_shorter_than_the_law_asks() -> None:
    def months(table: str) -> int:
        life = LIVES[table]
        return life.kept or life.months or 10_000

    assert min(months(table) for table in ("messages", "dispatches", "reports")) > ADVERTS
    assert months("tenant_history") >= ACCESS
    assert (
        min(map(months, ("ledger_entries", "payment_orders", "payment_cancels", "plan_orders", "plan_history")))
        >= PAYMENTS
    )
    assert months("events") == months("messages") < (LIVES["ledger_entries"].months or 0)


def test_the_table_of_lives_in_the_documentation_is_the_one_of_the_code() -> None:
    page = (CHECKOUT / "docs" / "operations.md").read_text(encoding="utf-8")
    section = page.split("## Retention\n", 1)[1].split("\n## ", 1)[0]
    told = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|$", section, flags=re.MULTILINE)
    assert told == [(life.table, _written(life.table), life.because) for life in LIVES.values()]


def _written(table: str) -> str:
    life = LIVES[table]
    if life.months is not None:
        return f"{life.months} months" + (f", then apart until {life.kept}" if life.kept else "")
    return {
        Leaving.ITSELF: "until its work is done",
        Leaving.TENANT: "as long as its tenant",
        Leaving.PLATFORM: "stays",
    }[life.leaving]

"""The bench of the ledger, small: what it prints is what a person would run it for."""

import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bench.ledger import Books, Tally, is_right, storm
from local.home import CHECKOUT
from shared.credits.ledger.audit import ZERO, Audit
from tests.databases import Migrated


async def test_a_small_storm_leaves_the_books_right(database: Migrated) -> None:
    tally = Tally()
    books = await storm(database.url, operations=4_000, connections=4, seed=7, tally=tally)
    assert is_right(books)
    assert tally.operations >= 4_000
    assert books.audit.captured > 0


RIGHT = Books(Audit(), unexplained=Decimal(0))


@pytest.mark.parametrize("wrong", ZERO)
def test_one_won_too_many_anywhere_is_wrong(wrong: str) -> None:
    one: dict[str, Any] = {wrong: 1}
    assert is_right(RIGHT)
    assert not is_right(replace(RIGHT, audit=Audit(**one)))


def test_one_won_that_no_payment_explains_is_wrong() -> None:
    assert not is_right(replace(RIGHT, unexplained=Decimal(1)))


def test_the_command_ends_with_what_it_found() -> None:
    command = [sys.executable, "-m", "bench.ledger", "--operations", "1000", "--connections", "2"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=CHECKOUT, check=True)  # noqa: S603
    figures = ["difference: 0.00", "overdrafts: 0", "missing: 0", "untraced: 0", "disproved: 0", "unexplained: 0.00"]
    assert ended.stdout.splitlines()[-6:] == figures

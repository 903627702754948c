"""The bench of the ledger, small: what it prints is what a person would run it for."""

import subprocess
import sys

import pytest

from bench.ledger import Tally, is_right, storm
from local.home import CHECKOUT
from shared.credits.ledger.audit import ZERO
from tests.databases import Migrated


async def test_a_small_storm_leaves_the_books_right(database: Migrated) -> None:
    tally = Tally()
    found = await storm(database.url, operations=4_000, connections=4, seed=7, tally=tally)
    assert is_right(found)
    assert tally.operations >= 4_000
    assert found["captured"] > 0


@pytest.mark.parametrize("wrong", [*ZERO, "unexplained"])
def test_one_won_too_many_anywhere_is_wrong(wrong: str) -> None:
    right = dict.fromkeys([*ZERO, "unexplained"], 0)
    assert is_right(right)
    assert not is_right(right | {wrong: 1})


def test_the_command_ends_with_what_it_found() -> None:
    command = [sys.executable, "-m", "bench.ledger", "--operations", "1000", "--connections", "2"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=CHECKOUT, check=True)  # noqa: S603
    figures = ["difference: 0.00", "overdrafts: 0", "missing: 0", "untraced: 0", "unexplained: 0.00"]
    assert ended.stdout.splitlines()[-5:] == figures

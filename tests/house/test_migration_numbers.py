"""Migrations are only added: their numbers grow, and what somewhere has been applied is not written again."""

from __future__ import annotations

import hashlib
import re

from local.home import CHECKOUT

FOLDER = CHECKOUT / "schemas" / "postgres"
ACCOUNT = FOLDER / "checksums.txt"
"""A line for each migration in the order of their making, with its checksum; a new one goes to the end."""


def _account() -> dict[str, str]:
    return dict(line.split() for line in ACCOUNT.read_text(encoding="utf-8").splitlines())


def test_every_migration_is_in_the_account_and_is_as_it_was_when_it_was_made() -> None:
    found = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in FOLDER.glob("*.sql")}
    assert found == _account(), f"change a migration by a new one; put the new one's checksum at the end of {ACCOUNT}"


def test_numbers_only_grow() -> None:
    numbers = []
    for name in _account():
        match = re.fullmatch(r"(\d{4})_[a-z_]+\.sql", name)
        assert match, f"{name} is not named like 0001_what_it_makes_possible.sql"
        numbers.append(int(match[1]))
    assert numbers == sorted(set(numbers))

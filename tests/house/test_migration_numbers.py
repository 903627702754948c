"""Migrations are only added: their numbers grow, and what somewhere has been applied is not written again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from local.home import CHECKOUT

FOLDER = CHECKOUT / "schemas" / "postgres"
ACCOUNT = FOLDER / "checksums.txt"
"""A line for each migration in the order of their making; a new one goes to the end. A line's checksum covers the line
before it, too: whoever changes an old migration, or fills a gap, would have to write all later lines anew."""


def _lines(migrations: list[Path]) -> Iterator[str]:
    """What the account must say of migrations, in their order."""
    line = ""
    for file in migrations:
        line = f"{file.name} {hashlib.sha256(line.encode() + file.read_bytes()).hexdigest()}"
        yield line


def test_every_migration_is_as_it_was_when_it_was_made_and_none_came_before_it_since() -> None:
    account = ACCOUNT.read_text(encoding="utf-8").splitlines()
    lines = list(_lines(sorted(FOLDER.glob("*.sql"))))
    assert account == lines[: len(account)], "change a migration by a new one, with a number after the last"
    missing = "\n".join(lines[len(account) :])
    assert missing == "", f"put this at the end of {ACCOUNT.relative_to(CHECKOUT)}:\n{missing}"


def test_migrations_are_named_by_numbers_of_their_own() -> None:
    names = {file.name for file in FOLDER.iterdir()} - {ACCOUNT.name}
    assert [name for name in names if not re.fullmatch(r"\d{4}_[a-z_]+\.sql", name)] == [], "0001_what_it_gives.sql"
    assert len({name[:4] for name in names}) == len(names)


def test_a_changed_migration_and_a_filled_gap_change_every_later_line(tmp_path: Path) -> None:
    names = ["0001_first.sql", "0003_third.sql", "0004_fourth.sql"]
    for name in names:
        (tmp_path / name).write_text(f"select '{name}';", encoding="utf-8")
    migrations = [tmp_path / name for name in names]
    first, third, fourth = _lines(migrations)

    (tmp_path / "0002_second.sql").touch()
    filled = list(_lines(sorted(tmp_path.glob("*.sql"))))
    assert filled[0] == first
    assert not {third, fourth} & set(filled)

    migrations[0].write_text("select 'other';", encoding="utf-8")
    assert not {first, third, fourth} & set(_lines(migrations))

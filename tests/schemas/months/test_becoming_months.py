"""A database that was filled before there were months comes through the migrations as it was."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.platform.database.migrations import MIGRATIONS, migrate
from tests.clock import NOON
from tests.databases import empty_database_called
from tests.operations.retention.months import PARENTS, ROWS, Owner, owner_of

BEFORE, MONTHS = "0039", "0043"
"""The last migration before there were months, and the last one that makes them."""

CATALOGS = {
    "policies": "select tablename, policyname, permissive, cmd, roles::text, qual, with_check from pg_policies"
    " where schemaname = 'public' and tablename = any(%(parents)s)",
    "triggers": "select tgrelid::regclass::text, tgname, translate(pg_get_triggerdef(oid), '()', '') from pg_trigger"
    " where not tgisinternal and tgrelid::regclass::text = any(%(parents)s)",
    "privileges": "select c.relname, null, a.privilege_type, a.grantee::regrole::text"
    " from pg_class c, aclexplode(c.relacl) a"
    " where c.relnamespace = 'public'::regnamespace and c.relname = any(%(parents)s) and a.grantee <> c.relowner"
    " union all select c.relname, t.attname, a.privilege_type, a.grantee::regrole::text from pg_class c"
    " join pg_attribute t on t.attrelid = c.oid, aclexplode(t.attacl) a"
    " where c.relnamespace = 'public'::regnamespace and c.relname = any(%(parents)s)",
    "checks and foreign keys": "select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint"
    " where contype in ('c', 'f') and conrelid::regclass::text = any(%(parents)s)",
}
"""What a table is besides its rows. Parentheses are set in another way each time."""

MEANT: dict[str, tuple[set[tuple[str, str]], set[tuple[str, str]]]] = {
    "policies": (set(), set()),
    "triggers": ({("events", "forward")}, {("ledger_entries", "once")}),
    "privileges": ({("events", "fingerprint")}, {("events", "month")}),
    "checks and foreign keys": (set(), set()),
}
"""What of it goes and what comes, by table and name."""


def _up_to(last: str, folder: Path) -> Path:
    folder.mkdir()
    for file in MIGRATIONS.glob("*.sql"):
        if file.name[:4] <= last:
            shutil.copy(file, folder)
    return folder


def _look(owner: Owner) -> dict[str, set[Any]]:
    return {what: set(owner.execute(text, {"parents": list(PARENTS)}).fetchall()) for what, text in CATALOGS.items()}


def _rows(owner: Owner, table: str) -> list[Any]:
    found = owner.execute(f"select to_jsonb(t) - 'month' from {table} t order by 1::text")  # noqa: S608 - from above
    return sorted((row for (row,) in found.fetchall()), key=str)


@pytest.fixture
def filled(postgres_url: str, tmp_path: Path) -> Iterator[tuple[str, Owner]]:
    with empty_database_called("allim_becoming_months", postgres_url) as url:
        migrate(url, directory=_up_to(BEFORE, tmp_path / "before"))
        with owner_of(url) as owner:
            for table in PARENTS:
                insert = ROWS[table].replace(", month)", ")").replace(", months.month_of(%(at)s))", ")")
                for days in range(0, 400, 50):
                    at = NOON - dt.timedelta(days=days)
                    [(id_,)] = owner.execute("select gen_random_uuid()").fetchall()
                    if table not in ("events", "ledger_entries"):
                        [(id_,)] = owner.execute(
                            "select %s::uuid", [f"{int(at.timestamp() * 1000):012x}" + "0" * 20]
                        ).fetchall()
                    owner.execute(insert.encode(), {"id": id_, "at": at})
            yield url, owner


def test_rows_rights_policies_and_triggers_are_as_before_and_no_row_was_written_anew(
    filled: tuple[str, Owner], tmp_path: Path
) -> None:
    url, owner = filled
    rows = {table: _rows(owner, table) for table in PARENTS}
    files = {table: owner.execute("select pg_relation_filenode(%s::regclass)", [table]).fetchone() for table in PARENTS}
    before = _look(owner)
    assert all(len(rows[table]) == 8 for table in PARENTS)

    migrate(url, directory=_up_to(MONTHS, tmp_path / "months"))

    assert {table: _rows(owner, table) for table in PARENTS} == rows
    for table in PARENTS:
        past = f"months.{table}_past"
        assert owner.execute("select pg_relation_filenode(%s::regclass)", [past]).fetchone() == files[table]
    after = _look(owner)
    for what, (gone, come) in MEANT.items():
        assert {one[:2] for one in before[what] - after[what]} == gone, what
        assert {one[:2] for one in after[what] - before[what]} == come, what


def test_a_migration_waits_for_no_lock_without_end() -> None:
    for file in sorted(MIGRATIONS.glob("*.sql")):
        text = file.read_text(encoding="utf-8")
        if file.name[:4] > BEFORE and not text.startswith("-- transactional: false"):
            statements = re.sub(r"^--.*\n|^\s*\n", "", text, flags=re.MULTILINE)
            assert statements.startswith("set local lock_timeout = "), file.name

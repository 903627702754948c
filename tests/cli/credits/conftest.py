"""Verbs about money, against a database of their module's own and no stack."""

from itertools import count
from pathlib import Path

import psycopg
import pytest

from tests.credits.ledger_world import LedgerWorld
from tests.databases import Migrated

_numbers = count(1)


@pytest.fixture(autouse=True)
def _no_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module_database: Migrated) -> None:
    monkeypatch.setenv("ALLIM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABASE_URL", module_database.url)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def tenant(module_database: Migrated) -> str:
    name = f"cli-{next(_numbers)}"
    with psycopg.connect(module_database.url) as connection:
        connection.execute("insert into tenants (id, name) values (%s, %s)", [name, name])
    return name


@pytest.fixture
def world(ledger_world: LedgerWorld) -> LedgerWorld:
    return ledger_world

"""Tenants that were there before plans were."""

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from shared.platform.database.migrations import MIGRATIONS, migrate
from tests.databases import empty_database_called


@pytest.fixture
def empty_database(postgres_url: str) -> Iterator[str]:
    with empty_database_called("allim_before_plans", postgres_url) as url:
        yield url


def test_an_earlier_tenant_has_been_free_since_its_first_day_in_seoul(empty_database: str, tmp_path: Path) -> None:
    for path in sorted(MIGRATIONS.glob("*.sql")):
        if path.name < "0009":
            shutil.copy(path, tmp_path)
    migrate(empty_database, directory=tmp_path)
    with psycopg.connect(empty_database) as connection:
        connection.execute("insert into tenants (id, name, created_at) values ('saas', 'S', '2026-01-30 15:30+00')")
    shutil.copy(MIGRATIONS / "0009_plans.sql", tmp_path)
    assert migrate(empty_database, directory=tmp_path) == ["0009_plans"]
    with psycopg.connect(empty_database) as connection:
        found = connection.execute("select plan::text, anchor, status::text, period_end from tenant_plans").fetchall()
    assert found == [("FREE", dt.date(2026, 1, 31), "active", None)]

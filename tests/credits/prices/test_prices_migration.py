"""Tenants that were there before every channel had a price."""

import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from shared.platform.database.migrations import MIGRATIONS, migrate
from tests.databases import empty_database_called

NAME = "0016_provider_prices"


@pytest.fixture
def empty_database(postgres_url: str) -> Iterator[str]:
    with empty_database_called("allim_before_prices", postgres_url) as url:
        yield url


def test_earlier_tenants_and_new_ones_have_a_price_for_every_channel(empty_database: str, tmp_path: Path) -> None:
    for path in sorted(MIGRATIONS.glob("*.sql")):
        if path.stem < NAME:
            shutil.copy(path, tmp_path)
    migrate(empty_database, directory=tmp_path)
    with psycopg.connect(empty_database) as connection:
        connection.execute("insert into tenants (id, name) values ('earlier', 'E')")
        connection.execute("insert into prices (tenant, channel, price) values ('earlier', 'push', 7)")
    shutil.copy(MIGRATIONS / f"{NAME}.sql", tmp_path)
    assert migrate(empty_database, directory=tmp_path) == [NAME]
    with psycopg.connect(empty_database) as connection:
        connection.execute("insert into tenants (id, name) values ('later', 'L')")
        found = connection.execute("select tenant, channel, price from prices").fetchall()
    of_all = {"alimtalk": 15, "sms": 20, "lms": 50, "mms": 200, "brand_message": 25, "push": 2, "inapp": 1, "email": 3}
    assert len(found) == 2 * len(of_all)
    prices = {(tenant, channel): price for tenant, channel, price in found}
    assert {channel: price for (tenant, channel), price in prices.items() if tenant == "later"} == of_all
    kept = {channel: price for (tenant, channel), price in prices.items() if tenant == "earlier"}
    assert kept == of_all | {"push": Decimal(7)}, "what somebody was given stays"

"""Lists arrive in Postgres as they were."""

import datetime as dt

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.platform.database import Database as Pool
from shared.platform.database import fetch_all
from tests.databases import Migrated

VALUES = {
    "text": st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20),
    "int": st.integers(-(2**31), 2**31 - 1),
    "bool": st.booleans(),
    "uuid": st.uuids(),
    "numeric": st.decimals(-10_000, 10_000, places=2),
    "bytea": st.binary(max_size=20),
    "timestamptz": st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1), timezones=st.just(dt.UTC)),
}


@pytest.mark.parametrize("kind", VALUES)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
async def test_every_list_comes_back_as_it_was(kind: str, module_database: Migrated, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.none() | VALUES[kind], max_size=8))
    pool = Pool(module_database.url, pool_size=1)
    async with pool.connection() as connection:
        rows = await fetch_all(connection, f"select unnest(%(values)s::{kind}[]) as value", {"values": values})
    await pool.close()
    assert [row["value"] for row in rows] == values


async def test_null_as_a_word_and_empty_text_are_text(module_database: Migrated) -> None:
    values = ["NULL", "", " ", "{a,b}", '"', "\\", "가\n나"]
    pool = Pool(module_database.url, pool_size=1)
    async with pool.connection() as connection:
        rows = await fetch_all(connection, "select unnest(%(values)s::text[]) as value", {"values": values})
    await pool.close()
    assert [row["value"] for row in rows] == values


async def test_what_no_array_holds_is_refused(module_database: Migrated) -> None:
    pool = Pool(module_database.url, pool_size=1)
    async with pool.connection() as connection:
        with pytest.raises(TypeError, match="no array holds a object"):
            await fetch_all(connection, "select %(values)s::text[]", {"values": [object()]})
    await pool.close()

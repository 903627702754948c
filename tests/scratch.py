"""Where a statement meets its oracle: rows in any state, and a transaction that leaves nothing of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import orjson
from hypothesis import strategies as st
from psycopg import sql

from shared.platform.database import Connection, Database, fetch_all

Row = Mapping[str, Any]
Value = TypeVar("Value")

INSTANT = dt.timedelta(microseconds=1)
"""The least by which two moments of Postgres differ."""


def mostly(usual: Value, *others: Value, times: int = 6) -> st.SearchStrategy[Value]:
    """The usual value, that many times as often as each of the others."""
    return st.sampled_from((*[usual] * times, *others))


class Scratch:
    """A migrated database in which each example begins with empty tables. `url`: as its owner."""

    def __init__(self, url: str) -> None:
        self._database = Database(url, pool_size=1)

    @asynccontextmanager
    async def holding(self, **tables: Sequence[Row]) -> AsyncIterator[Connection]:
        """A transaction in which the tables hold these rows; all that is done in it is undone.

        The rows are put there behind the back of triggers and foreign keys, so that they may be in a state to which
        no way leads. What a row does not name is the column's default; the rows of a table name the same columns.
        """
        async with self._database.connection() as connection, connection.transaction(force_rollback=True):
            await connection.execute("set local session_replication_role = replica")
            for table, rows in tables.items():
                if rows:
                    await connection.execute(*insertion(table, rows))
            await connection.execute("set local session_replication_role = origin")
            yield connection

    async def close(self) -> None:
        await self._database.close()


def insertion(table: str, rows: Sequence[Row]) -> tuple[sql.Composed, list[str]]:
    """The statement that puts rows into a table, which name the same columns, and its parameters."""
    statement = sql.SQL(
        "insert into {table} ({columns}) select {columns} from jsonb_populate_recordset(null::{table}, %s)"
    ).format(table=sql.Identifier(table), columns=sql.SQL(", ").join(map(sql.Identifier, rows[0])))
    return statement, [_json(rows)]


def _json(rows: Sequence[Row]) -> str:
    return orjson.dumps([dict(row) for row in rows], default=_as_text).decode()


def _as_text(value: object) -> str:
    """As Postgres reads it."""
    return rf"\x{value.hex()}" if isinstance(value, bytes) else str(value)


async def rows(connection: Connection, statement: str, **parameters: Any) -> list[dict[str, Any]]:
    """What a query of a test's own finds."""
    return await fetch_all(connection, statement, parameters)


def waits(first: dt.timedelta, longest: dt.timedelta, times: int) -> dt.timedelta:
    """Each wait is twice as long as the one before, up to the longest."""
    factor: int = 2**times
    return min(first * factor, longest)

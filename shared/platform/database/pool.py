"""Postgres, through a pooler that may change the server connection between transactions.

So there are no prepared statements and no session state: what a transaction needs is set inside it. And there is a
network in between, which may drop a connection without a word: nothing is waited for without a deadline.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import psycopg
from psycopg.rows import DictRow, TupleRow, dict_row, tuple_row
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool

from shared.platform.database.arrays import use_fast_arrays
from shared.platform.database.patience import PatientConnection

Connection = PatientConnection

CONNECT_TIMEOUT_SECONDS = 10
"""For a connection, and for whoever waits for one of the pool's."""

IDLE_SECONDS = 30.0
"""Whoever is in between may have forgotten a connection that was idle for longer, so it is asked before it is used."""

SOCKET = {
    "connect_timeout": CONNECT_TIMEOUT_SECONDS,
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""How the kernel finds out that the other side is gone: in seconds, the last one in milliseconds (libpq's parameters,
https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS)."""

PASSING_ERRORS: tuple[type[BaseException], ...] = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    psycopg.errors.IdleInTransactionSessionTimeout,
)
"""Errors that a later try may not meet: the database is away, two transactions crossed, or we stood still in one."""


class Database:
    """A pool of connections for one role, opened at first use so that importing a function stays cheap.

    A statement that is not answered in time ends with NoAnswer, and its connection with it: the role's own
    `statement_timeout` says what is in time, and `shared.platform.database.patience` how.
    """

    def __init__(self, url: str, *, pool_size: int = 4) -> None:
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            connection_class=Connection,
            min_size=1,
            max_size=pool_size,
            open=False,
            configure=_configure,
            check=_check_if_idle,
            timeout=CONNECT_TIMEOUT_SECONDS,
            kwargs={"row_factory": dict_row, "prepare_threshold": None, "autocommit": True, **SOCKET},
        )
        self._opened = False

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection on which each statement is its own transaction."""
        if not self._opened:
            self._opened = True
            await self._pool.open()
        async with self._pool.connection() as connection:
            try:
                yield connection
            finally:
                connection.given_back()

    @asynccontextmanager
    async def transaction(self, *, tenant: str | None = None) -> AsyncIterator[Connection]:
        """A transaction; with `tenant`, one that the row-level policies of `allim_api` confine to that tenant."""
        async with self.connection() as connection, connection.transaction():
            if tenant is not None:
                await connection.execute("select set_config('allim.tenant', %s, true)", [tenant])
            yield connection

    async def close(self) -> None:
        if self._opened:
            await self._pool.close()


async def _configure(connection: Connection) -> None:
    use_fast_arrays(connection)
    set_json_loads(orjson.loads, connection)
    await connection.follow_the_role()


async def _check_if_idle(connection: Connection) -> None:
    if time.monotonic() - connection.idle_since > IDLE_SECONDS:
        await connection.live()


async def fetch_all(connection: Connection, statement: str, parameters: dict[str, Any]) -> list[DictRow]:
    """Run one statement and return all its rows.

    Rows come in binary, at half the parsing cost of text; an enum comes as bytes, so select it `::text`.
    """
    cursor = connection.cursor(binary=True)
    await cursor.execute(statement, parameters)
    return await cursor.fetchall() if cursor.description else []


async def fetch_tuples(connection: Connection, statement: str, parameters: dict[str, Any]) -> list[TupleRow]:
    """The same with rows as tuples, at a fourth of the time that dictionaries take: for statements with many rows."""
    cursor = connection.cursor(binary=True, row_factory=tuple_row)
    await cursor.execute(statement, parameters)
    return await cursor.fetchall()

"""The network between us and Postgres may reset a connection, or forget it: no call hangs, and the next one works."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from shared.platform.database import PASSING_ERRORS, Connection, Database, patience, pool
from shared.platform.database.patience import NoAnswer
from tests.databases import Migrated
from tests.tcp_proxy import TcpProxy, proxy_to

CAP_SECONDS = 60
"""Nothing here may hang; how long it takes is not looked at."""


@pytest.fixture
def proxy(module_database: Migrated) -> Iterator[TcpProxy]:
    with proxy_to(int(conninfo_to_dict(module_database.url)["port"] or 0)) as proxy:
        yield proxy


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "GRACE_SECONDS", 1.0)
    monkeypatch.setattr(patience, "CHECK_SECONDS", 1.0)
    monkeypatch.setattr(patience, "CANCEL_SECONDS", 0.2)


@asynccontextmanager
async def through(proxy: TcpProxy, migrated: Migrated, *, timeout_ms: int = 2_000) -> AsyncIterator[Database]:
    """A pool behind the proxy, as of a role whose statements may last so long."""
    url = make_conninfo(migrated.url, port=proxy.port, options=f"-c statement_timeout={timeout_ms}")
    database = Database(url, pool_size=1)
    try:
        async with asyncio.timeout(CAP_SECONDS):
            yield database
    finally:
        await database.close()


async def _backend(database: Database) -> int:
    """The server's process that answers."""
    async with database.connection() as connection:
        row = await (await connection.execute("select pg_backend_pid() as pid")).fetchone()
    assert row is not None
    return int(row["pid"])


async def test_an_idle_connection_that_was_reset_is_not_given_to_anybody(
    proxy: TcpProxy, module_database: Migrated, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with through(proxy, module_database) as database:
        first = await _backend(database)
        proxy.reset_connections()
        monkeypatch.setattr(pool, "IDLE_SECONDS", 0.0)
        assert await _backend(database) != first


async def test_an_idle_connection_that_froze_is_not_given_to_anybody(
    proxy: TcpProxy, module_database: Migrated, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with through(proxy, module_database) as database:
        first = await _backend(database)
        proxy.freeze(new_ones_too=False)
        monkeypatch.setattr(pool, "IDLE_SECONDS", 0.0)
        assert await _backend(database) != first


async def test_only_a_connection_that_was_idle_for_long_is_asked_first(
    proxy: TcpProxy, module_database: Migrated, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    async def count(connection: object) -> None:
        asked.append(connection)

    monkeypatch.setattr(patience.PatientConnection, "live", count)
    monkeypatch.setattr(pool, "IDLE_SECONDS", 1e6)
    async with through(proxy, module_database) as database:
        await _backend(database)
        await _backend(database)
        assert asked == []
        monkeypatch.setattr(pool, "IDLE_SECONDS", 0.0)
        await _backend(database)
        assert len(asked) == 1


async def test_a_statement_whose_connection_is_reset_fails_and_the_next_one_works(
    proxy: TcpProxy, module_database: Migrated
) -> None:
    async with through(proxy, module_database, timeout_ms=0) as database:
        first = await _backend(database)
        asleep = asyncio.create_task(_sleep(database))
        while not await _sleepers(module_database):  # noqa: ASYNC110 - Postgres tells it in no other way
            await asyncio.sleep(0.01)
        proxy.reset_connections()
        with pytest.raises(PASSING_ERRORS):
            await asleep
        assert await _backend(database) != first


async def _sleep(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute("select pg_sleep(600)")


async def _sleepers(migrated: Migrated) -> int:
    asleep = "select count(*) from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()"
    async with await psycopg.AsyncConnection.connect(migrated.url) as connection:
        row = await (await connection.execute(asleep)).fetchone()
    return int(row[0]) if row else 0


@pytest.mark.parametrize("in_transaction", [False, True])
async def test_a_statement_that_froze_ends_by_itself_and_the_next_one_works(
    proxy: TcpProxy, module_database: Migrated, in_transaction: bool
) -> None:
    async with through(proxy, module_database) as database:
        first = await _backend(database)
        with pytest.raises(NoAnswer):
            await _two_statements(database.transaction() if in_transaction else database.connection(), proxy)
        assert await _backend(database) != first


async def _two_statements(borrowed: AbstractAsyncContextManager[Connection], proxy: TcpProxy) -> None:
    async with borrowed as connection:
        await connection.execute("select 1")
        proxy.freeze(new_ones_too=False)
        await connection.execute("select 2")


async def test_who_gives_up_on_a_frozen_statement_is_let_go_and_the_next_one_works(
    proxy: TcpProxy, module_database: Migrated
) -> None:
    async with through(proxy, module_database, timeout_ms=0) as database:
        first = await _backend(database)
        proxy.freeze(new_ones_too=False)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2), database.connection() as connection:
                await connection.execute("select 1")
        assert await _backend(database) != first


async def test_a_database_that_is_frozen_for_everybody_fails_in_time_and_works_when_it_is_back(
    proxy: TcpProxy, module_database: Migrated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "CONNECT_TIMEOUT_SECONDS", 1)
    monkeypatch.setitem(pool.SOCKET, "connect_timeout", 2)  # psycopg's least
    async with through(proxy, module_database) as database:
        await _backend(database)
        monkeypatch.setattr(patience, "UNTIL_KNOWN_SECONDS", 1.0)
        proxy.freeze(new_ones_too=True)
        for _ in range(2):
            with pytest.raises(PASSING_ERRORS):
                await _backend(database)
        proxy.let_new_ones_flow()
        while True:
            try:
                await _backend(database)
                break
            except PASSING_ERRORS:
                await asyncio.sleep(0.05)


async def test_the_server_ends_a_statement_that_takes_too_long_before_the_client_does(
    proxy: TcpProxy, module_database: Migrated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "GRACE_SECONDS", 30.0)
    async with through(proxy, module_database) as database:
        first = await _backend(database)
        with pytest.raises(psycopg.errors.QueryCanceled):
            await _sleep(database)
        assert await _backend(database) == first, "and the connection is as good as before"


async def test_a_transaction_that_takes_time_has_no_deadline_and_the_next_one_has(
    proxy: TcpProxy, module_database: Migrated
) -> None:
    async with through(proxy, module_database) as database:
        async with database.transaction() as connection:
            await connection.execute("set local idle_in_transaction_session_timeout = '100ms'")
            await connection.take_time()
            await connection.execute("select pg_sleep(3.5)")
            await asyncio.sleep(0.2)
            await connection.execute("select 1")
            assert connection.deadline is None
        async with database.connection() as connection:
            assert connection.deadline == pytest.approx(3.0)


async def test_the_kernel_looks_whether_the_other_side_is_there(proxy: TcpProxy, module_database: Migrated) -> None:
    async with through(proxy, module_database) as database, database.connection() as connection:
        parameters = connection.info.get_parameters()
    assert {name: parameters[name] for name in pool.SOCKET if name != "keepalives"} == {
        "connect_timeout": "10",
        "keepalives_idle": "30",
        "keepalives_interval": "10",
        "keepalives_count": "3",
        "tcp_user_timeout": "30000",
    }


async def test_an_outage_that_outlasts_the_pools_own_tries_is_over_when_it_is_over(
    proxy: TcpProxy, module_database: Migrated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "CONNECT_TIMEOUT_SECONDS", 3)
    async with through(proxy, module_database) as database:
        monkeypatch.setattr(database._pool, "reconnect_timeout", 0.1)
        first = await _backend(database)
        proxy.refuse(1_000_000)
        proxy.reset_connections()
        for _ in range(2):
            with pytest.raises(PASSING_ERRORS):
                await _backend(database)
        proxy.refuse(0)
        assert await _backend(database) != first

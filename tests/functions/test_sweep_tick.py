"""The minute of sweeps: a dropped connection ends neither the minute nor a sweep, and minutes may overlap."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from shared.bootstrap import database, sweeps
from shared.platform.database import Database
from tests.endpoints import Endpoint, running
from tests.tcp_proxy import TcpProxy, proxy_to
from tests.world import World

SOON = dt.timedelta(seconds=20)


@pytest.fixture(autouse=True)
def _no_sweeps_yet(world: World) -> None:
    world.rows("update heartbeats set at = %s where name = 'sweeps'", world.clock.now() - dt.timedelta(hours=1))


def left_behind(world: World, tenant: str, number: int = 1) -> None:
    """Dispatches whose instance ended before anything was prepared at the provider."""
    for _ in range(number):
        world.rows(
            "insert into dispatches (tenant, id, provider, account, messages, lease_until, created_at, updated_at)"
            " values (%s, %s, 'solapi', 'main', array[%s::uuid], %s, %s, %s) returning id",
            *(tenant, uuid4(), uuid4(), world.clock.now() - dt.timedelta(seconds=1), *[world.clock.now()] * 2),
        )


def states(world: World, tenant: str) -> set[str]:
    return {row["state"] for row in world.rows("select state::text from dispatches where tenant = %s", tenant)}


def beat(world: World) -> dt.datetime:
    at: dt.datetime = world.rows("select at from heartbeats where name = 'sweeps'")[0]["at"]
    return at


async def test_a_minute_takes_up_what_was_left_and_leaves_a_trace(world: World) -> None:
    tenant = await world.tenant()
    left_behind(world, tenant, 3)
    begun = world.clock.now()
    async with running("on_sweep_tick", world) as function:
        assert await function.push({}) == 204
    assert states(world, tenant) == {"abandoned"}
    assert begun <= beat(world) <= begun + dt.timedelta(seconds=58) <= world.clock.now()


async def test_minutes_that_overlap_do_everything_once(world: World) -> None:
    tenant = await world.tenant()
    left_behind(world, tenant, 40)
    async with running("on_sweep_tick", world) as one, running("on_sweep_tick", world) as other:
        await asyncio.gather(sweeps(one.parts).hold(SOON), sweeps(other.parts).hold(SOON))
    rows = world.rows("select state::text, takes from dispatches where tenant = %s", tenant)
    assert [(row["state"], row["takes"]) for row in rows] == [("abandoned", 1)] * 40


async def _goes_on(world: World, function: Endpoint, break_it: object) -> None:
    """Something is left behind once more after each of three breaks, and is taken up each time."""
    assert callable(break_it)
    for _ in range(3):
        tenant = await world.tenant()
        await sweeps(function.parts).hold(SOON)
        left_behind(world, tenant)
        break_it()
        before = beat(world)
        await sweeps(function.parts).hold(SOON)
        assert states(world, tenant) == {"abandoned"}
        assert beat(world) > before


async def test_a_minute_whose_connections_are_ended_by_the_server_goes_on(world: World) -> None:
    def end_all() -> None:
        with psycopg.connect(world.migrated.url, autocommit=True) as connection:
            ended = connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'allim_sweeper'"
            ).fetchall()
        assert ended

    async with running("on_sweep_tick", world) as function:
        await _goes_on(world, function, end_all)


@pytest.fixture
def proxy(world: World) -> Iterator[TcpProxy]:
    with proxy_to(int(conninfo_to_dict(world.migrated.url)["port"] or 0)) as proxy:
        yield proxy


async def test_a_minute_whose_connections_are_reset_on_the_way_goes_on(
    world: World, proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reset() -> None:
        proxy.reset_connections()
        proxy.refuse(2)

    async with running("on_sweep_tick", world) as function:
        behind = Database(make_conninfo(world.migrated.role_url("allim_sweeper"), port=proxy.port), pool_size=2)
        monkeypatch.setattr(database(function.parts), "_pool", behind._pool)
        await _goes_on(world, function, reset)


async def test_a_minute_without_a_database_is_asked_for_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.platform.database.pool.CONNECT_TIMEOUT_SECONDS", 0.1)
    gone = Database("postgresql://allim_sweeper@127.0.0.1:9/none", pool_size=1)
    async with running("on_sweep_tick", world) as function:
        with monkeypatch.context() as patch:
            patch.setattr(database(function.parts), "_pool", gone._pool)
            with pytest.raises(ExceptionGroup):
                await sweeps(function.parts).hold(SOON)
    await gone.close()

"""The world that every test of this folder sends in: one a session, empty for each test."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from aiohttp import web

from tests.clock import SettableClock
from tests.databases import Migrated
from tests.faults.world import Crash, FaultyWorld, Hooked
from tests.providers.simulated import Simulator, simulated


@pytest.fixture(scope="module")
def fault_clock() -> SettableClock:
    return SettableClock()


@pytest.fixture(scope="module")
def fault_simulator(fault_clock: SettableClock) -> Iterator[Simulator]:
    with simulated(fault_clock) as simulator:
        yield simulator


@pytest.fixture(scope="module")
async def _world(
    module_database: Migrated, fault_clock: SettableClock, fault_simulator: Simulator
) -> AsyncIterator[FaultyWorld]:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_but_for_crashes)
    hooked = Hooked()
    application = web.Application()
    application.router.add_post("/{path:.*}", hooked.take)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hook_url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    account = fault_simulator.add_account(webhook_url=hook_url)
    async with httpx.AsyncHTTPTransport(verify=False) as wire:
        world = FaultyWorld(module_database, fault_simulator, fault_clock, account, wire, hooked)
        world.hook_url = hook_url
        await world.set_up()
        yield world
        await world.close()
    await runner.cleanup()
    gc.collect()  # what ended unobserved is told of when it is collected, and would be in another test's log
    loop.set_exception_handler(None)


def _but_for_crashes(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Tasks die of a crash unobserved, as they do when a process is killed."""
    if not isinstance(context.get("exception"), Crash):
        loop.default_exception_handler(context)


@pytest.fixture
async def world(_world: FaultyWorld) -> FaultyWorld:
    await _world.start_over()
    return _world

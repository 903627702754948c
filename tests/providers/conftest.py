"""The SOLAPI adapter and the simulator that it talks to over HTTP."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from shared.providers import ProviderAccount
from shared.providers.solapi import Solapi
from tests.clock import SettableClock
from tests.providers.simulated import Simulator, simulated


@pytest.fixture(scope="session")
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture(scope="session")
def running_simulator(clock: SettableClock) -> Iterator[Simulator]:
    with simulated(clock) as simulator:
        yield simulator


@pytest.fixture
def simulator(running_simulator: Simulator) -> Iterator[Simulator]:
    """The simulator, with nothing accepted yet; faults end with the test."""
    running_simulator.forget_accepted()
    yield running_simulator
    running_simulator.set_faults()


@pytest.fixture
def account(simulator: Simulator) -> ProviderAccount:
    return simulator.add_account()


@pytest.fixture(scope="session")
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """One for all tests: each that is made reads the system's certificates."""
    async with httpx.AsyncClient(timeout=10) as client:
        yield client


@pytest.fixture
def solapi(simulator: Simulator, clock: SettableClock, client: httpx.AsyncClient) -> Solapi:
    return Solapi(simulator.url, clock, client)

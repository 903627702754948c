"""Worlds in which money moves: of the ledger alone, of a tenant that pays, of one with a plan."""

from collections.abc import AsyncIterator, Iterator

import pytest

from simulator.testing import simulator_thread
from tests.credits.ledger_world import LedgerWorld
from tests.credits.paying import Till, open_till
from tests.credits.planning import Office
from tests.databases import Migrated


@pytest.fixture
def world(ledger_world: LedgerWorld) -> LedgerWorld:
    return ledger_world


@pytest.fixture(scope="module")
def simulator_url() -> Iterator[str]:
    with simulator_thread() as url:
        yield url


@pytest.fixture
async def till(database: Migrated, simulator_url: str) -> AsyncIterator[Till]:
    async with open_till(Till, database, simulator_url) as opened:
        yield opened


@pytest.fixture
async def office(database: Migrated, simulator_url: str) -> AsyncIterator[Office]:
    async with open_till(Office, database, simulator_url) as opened:
        yield opened

from collections.abc import AsyncIterator

import pytest

from tests.conftest import Database
from tests.engine.world import SettableClock, World


@pytest.fixture(scope="module")
async def shared_world(module_database: Database) -> AsyncIterator[World]:
    """One database for the tests of a module, each of which makes a tenant of its own."""
    world = World(module_database, SettableClock())
    yield world
    await world.close()


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    """A database of the test's own, for what looks at all tenants at once."""
    world = World(database, SettableClock())
    yield world
    await world.close()

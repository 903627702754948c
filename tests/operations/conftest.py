"""What operators' tests stand on: a world of the engine's, in a database of the test's own."""

from collections.abc import AsyncIterator

import pytest

from tests.conftest import Database
from tests.engine.world import SettableClock, World


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    world = World(database, SettableClock())
    yield world
    await world.close()

"""What operators' tests stand on: a world of the engine's, in a database of the test's own; a channel in Slack."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from simulator.testing import simulator_thread
from tests.conftest import Database
from tests.engine.world import SettableClock, World
from tests.operations.slack import SlackChannel


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    """A database of the test's own, in which ticks and callbacks have just been seen."""
    world = World(database, SettableClock())
    world.rows("update heartbeats set at = %s returning name", world.clock.now())
    yield world
    await world.close()


@pytest.fixture(scope="session")
def slack_address() -> Iterator[str]:
    with simulator_thread() as address:
        yield address


@pytest.fixture
def slack(slack_address: str) -> Iterator[SlackChannel]:
    """An empty channel of the simulated Slack."""
    with httpx.Client(base_url=slack_address) as client:
        client.delete("/control/slack")
        yield SlackChannel(client, f"{slack_address}/services/T1/B1/secret-of-the-channel")

"""Worlds in which events come and reminders speak."""

import pytest

from tests.workflows.timeline import REMINDERS, Timeline
from tests.world import World


@pytest.fixture
def world(noon_world: World) -> World:
    return noon_world


@pytest.fixture
async def timeline(world: World) -> Timeline:
    return Timeline(world, await world.tenant(REMINDERS))

"""A world that functions work in."""

import pytest

from tests.world import World


@pytest.fixture
def world(noon_world: World) -> World:
    return noon_world

"""A world in which all is well until a test says otherwise."""

import pytest

from tests.world import World


@pytest.fixture
def world(calm_world: World) -> World:
    return calm_world

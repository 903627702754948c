"""Worlds in which routes are chosen."""

import pytest

from tests.world import World


@pytest.fixture
def world(noon_world: World) -> World:
    return noon_world

"""A database in which every table has a row."""

from __future__ import annotations

import pytest

from tests.databases import Migrated
from tests.schemas.samples import OURS
from tests.schemas.walls import fill


@pytest.fixture(scope="module")
def filled(module_database: Migrated) -> Migrated:
    """A database with a tenant's row in every table."""
    fill(module_database, OURS)
    return module_database

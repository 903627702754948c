from collections.abc import AsyncIterator

import pytest

from shared.platform.database import Database
from tests.databases import Migrated


@pytest.fixture
async def keeper(database: Migrated) -> AsyncIterator[Database]:
    """As the role of the nightly work."""
    pool = Database(database.role_url("allim_keeper"), pool_size=2)
    yield pool
    await pool.close()

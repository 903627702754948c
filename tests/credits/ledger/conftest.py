"""A ledger whose books are looked at when a test is over."""

from collections.abc import AsyncIterator

import pytest

from shared.credits.ledger.audit import disagreements
from tests.credits.ledger_world import LedgerWorld


@pytest.fixture
async def audited_world(ledger_world: LedgerWorld) -> AsyncIterator[LedgerWorld]:
    """A world whose books are right in the end."""
    yield ledger_world
    assert disagreements(await ledger_world.audit()) == {}

"""A process that sends to a file, for a test to suspend and to kill: `python -m tests.campaigns.killed`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from shared.campaigns import batches
from shared.campaigns.sending import send_bulk
from shared.customers.files.people import CustomerFile
from shared.platform.clock import WallClock
from shared.platform.database import Database
from shared.platform.pubsub import Outgoing


class _Nobody:
    async def publish(self, topic: str, messages: Sequence[Outgoing]) -> None:
        """The tick will."""


async def _send(url: str, tenant: str, file: str, key: str) -> None:
    batches.ROWS_A_BATCH = 5
    database = Database(url, pool_size=1)
    await send_bulk(
        database,
        _Nobody(),
        WallClock(),
        tenant=tenant,
        template="receipt",
        customers=CustomerFile(Path(file)),
        key=key,
    )


if __name__ == "__main__":
    asyncio.run(_send(*sys.argv[1:]))

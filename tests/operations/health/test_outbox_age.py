"""For how long the oldest ticket waits, of rows that tell only how often it was published and when it will be next."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.messages.dispatch.sweep_store import decide_tickets_again
from shared.messages.outbox import LONGEST_PATIENCE, PATIENCE
from shared.operations.health.checks import TICKET_PATIENCE
from shared.operations.health.store import read_gauges
from shared.platform.database import Connection
from shared.platform.pubsub import SEND_REQUESTS
from tests.clock import NOON
from tests.scratch import Scratch, rows


async def _publish_again(connection: Connection, times: int) -> dt.datetime:
    """Publish the one ticket again whenever it is due. Gives when it is due next."""
    for _ in range(times):
        [ticket] = await rows(connection, "select publish_at from outbox")
        now = ticket["publish_at"]
        await decide_tickets_again(connection, now=now, patience=PATIENCE, longest=LONGEST_PATIENCE, limit=1)
    [ticket] = await rows(connection, "select publish_at from outbox")
    due: dt.datetime = ticket["publish_at"]
    return due


@given(st.integers(0, 14), st.integers(0, 600))
async def test_a_ticket_waits_since_it_was_first_due_however_often_it_was_published(
    scratch: Scratch, times: int, seconds: int
) -> None:
    ticket = {"tenant": "cafe", "id": "00000000-0000-0000-0000-000000000001", "topic": SEND_REQUESTS}
    row = {**ticket, "body": {"tenant": "cafe", "messages": []}, "publish_at": NOON, "created_at": NOON}
    async with scratch.holding(outbox=[row]) as connection:
        now = await _publish_again(connection, times) + dt.timedelta(seconds=seconds)
        gauges = await read_gauges(connection, now, patience=TICKET_PATIENCE)
    assert gauges.outbox_age == pytest.approx((now - NOON).total_seconds())

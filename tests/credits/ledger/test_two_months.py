"""Claims, sends, reports and ends of messages that lie in two months, all at once, while their rows change.

A statement that locks rows looks at those again that changed while it waited. PostgreSQL 18 ends there, or finds too
few, where partitions are chosen while the statement runs (shared/platform/database/keys.py).
"""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from shared.credits.ledger.audit import disagreements
from shared.messages.dispatch.store import Claimed
from shared.platform.clock import first_moment
from shared.platform.database import Database
from tests.credits.ledger_world import LedgerWorld, said

ROUNDS = 4
EACH_SIDE = 30
PRICE = 20
CREDIT = 1_000_000
TOUCHES = [
    f"""
    update {table} set updated_at = updated_at
    where tenant = %(tenant)s and id = (
      select id from {table} where tenant = %(tenant)s order by random() limit 1
    )"""  # noqa: S608 - of two tables
    for table in ("messages", "dispatches")
]
_numbers = count(1)


@pytest.fixture(params=["month's end", "year's end"])
def eve(request: pytest.FixtureRequest, world: LedgerWorld) -> dt.datetime:
    """The last seconds of a month, the one after which has a partition of its own."""
    world.rows(
        "select months.extend((since + interval '14 months')::date)"
        " from partitions where parent = 'messages' and until is null"
    )
    days = world.rows("select since from partitions where parent = 'messages' and since is not null order by since")
    is_year = request.param == "year's end"
    first = next(row["since"] for row in days if (row["since"].month == 1) == is_year)
    return first_moment(first) - dt.timedelta(seconds=2)


class Business:
    """A tenant with messages on both sides of the end of a month."""

    def __init__(self, world: LedgerWorld, eve: dt.datetime) -> None:
        self.world = world
        self.eve = eve
        self.tenant = f"over-months-{next(_numbers)}"

    async def begin(self) -> None:
        await self.world.add_tenant(self.tenant, credit=CREDIT)

    async def queue(self, *, channels: Sequence[str] = ("sms",)) -> list[UUID]:
        """As many messages of either month, in any order."""
        self.eve -= dt.timedelta(seconds=1)  # ids are made of their moment
        self.world.clock.moment = self.eve
        before = await self.world.queue(self.tenant, EACH_SIDE, channels=channels)
        self.world.clock.advance(60)
        after = await self.world.queue(self.tenant, EACH_SIDE, channels=channels)
        parts = self.world.rows("select distinct tableoid from messages where tenant = %s", self.tenant)
        assert len(parts) == 2, "they lie in two months"
        ids = [*before.messages, *after.messages]
        return random.sample(ids, len(ids))

    async def claim(self, ids: Sequence[UUID]) -> list[Claimed]:
        return await self.world.claim(self.world.ticket(self.tenant, ids))

    @asynccontextmanager
    async def touched(self) -> AsyncIterator[None]:
        """Meanwhile somebody writes its rows as they are, one at a time, again and again."""
        somebody = Database(self.world.migrated.url, pool_size=len(TOUCHES))
        tasks = [asyncio.create_task(self._touch(somebody, touch)) for touch in TOUCHES]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await somebody.close()

    async def _touch(self, somebody: Database, touch: str) -> None:
        async with somebody.connection() as connection:
            while True:
                await connection.execute(touch.encode(), {"tenant": self.tenant})

    def statuses(self) -> Counter[str]:
        return Counter(row["status"] for row in self.world.messages_by_id(self.tenant).values())

    def dispatches(self) -> list[dict[str, Any]]:
        return self.world.rows(
            "select id, state::text, created_at, deadline_at, messages from dispatches where tenant = %s", self.tenant
        )


@pytest.fixture
async def business(world: LedgerWorld, eve: dt.datetime) -> Business:
    business = Business(world, eve)
    await business.begin()
    return business


async def test_claims_and_reports_at_once_over_two_months_bill_each_message_once(
    world: LedgerWorld, business: Business
) -> None:
    tenant = business.tenant
    for number in range(1, ROUNDS + 1):
        ids = await business.queue()
        async with business.touched():
            claims = await asyncio.gather(*(business.claim(ids) for _ in range(3)))
            claimed = [message for each in claims for message in each]
        claimed += await business.claim(ids)  # one that was written while it was claimed waits for its next ticket
        async with business.touched():
            assert sorted(message.id for message in claimed) == sorted(ids)
            calls = {message.dispatch for message in claimed}
            words = [said(id_, "delivered") for id_ in ids]
            await asyncio.gather(
                *(
                    world.send(tenant, call, {each.id: "sms" for each in claimed if each.dispatch == call})
                    for call in calls
                ),
                world.report(tenant, *words[::2]),
                world.report(tenant, *words[::3]),
            )
            # The last of a call come at once, from either month.
            await asyncio.gather(world.report(tenant, *words[1::2]), world.report(tenant, *words))
        assert business.statuses() == {"delivered": number * len(ids)}
        assert world.account(tenant) == (CREDIT - number * len(ids) * PRICE, 0)
    assert disagreements(await world.audit()) == {}


async def test_a_call_given_up_over_two_months_leaves_no_message_behind(world: LedgerWorld, business: Business) -> None:
    for _ in range(ROUNDS):
        ids = await business.queue()
        claimed = await business.claim(ids)
        async with business.touched():
            await asyncio.gather(
                world.abandon(business.tenant, claimed[0].dispatch), world.abandon(business.tenant, claimed[0].dispatch)
            )
        assert business.statuses() == {"queued": len(ids)}
        world.rows("delete from messages where tenant = %s", business.tenant)


async def test_the_end_and_the_deadline_of_a_call_count_both_months(world: LedgerWorld, business: Business) -> None:
    ids = await business.queue(channels=("alimtalk", "sms"))
    await business.claim(ids)
    [call] = business.dispatches()
    await world.send(business.tenant, call["id"], dict.fromkeys(ids, "alimtalk"))
    [sent] = business.dispatches()
    assert sent["deadline_at"] == sent["created_at"] + dt.timedelta(seconds=60)
    early, late = sorted(ids)[:EACH_SIDE], sorted(ids)[EACH_SIDE:]
    await world.report(business.tenant, *(said(id_, "delivered", channel="alimtalk") for id_ in late))
    assert [each["state"] for each in business.dispatches()] == ["sent"], "the earlier month's are on their way"
    await world.report(business.tenant, *(said(id_, "delivered", channel="alimtalk") for id_ in early[:-1]))
    assert [each["state"] for each in business.dispatches()] == ["sent"]
    await world.report(business.tenant, said(early[-1], "delivered", channel="alimtalk"))
    assert [each["state"] for each in business.dispatches()] == ["closed"]
    assert world.account(business.tenant) == (CREDIT - len(ids) * 15, 0)

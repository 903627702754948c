"""The end of a channel's time: found by an index of its own, and behind nothing that needs nothing."""

from __future__ import annotations

import datetime as dt

from shared.messages.dispatch.dispatching import FIRST_CHECK
from shared.messages.dispatch.sweep_store import DECIDE_DEADLINES
from shared.messages.dispatch.sweeping import LIMITS, LONGEST_WITHOUT_CHECK
from shared.platform.database import fetch_all
from tests.faults.fates import UNTOLD
from tests.faults.world import TENANT, FaultyWorld

DEADLINE = 300
ROUTE = [{"alimtalk": DEADLINE}, {"sms": 3_600}]

COPIES = """
insert into dispatches (
  tenant, id, provider, account, messages, state, provider_batch_id, lease_until, check_at, deadline_at, created_at,
  updated_at
)
select tenant, gen_random_uuid(), provider, account, array[gen_random_uuid()], 'sent', provider_batch_id, lease_until,
  check_at - interval '1 hour', {deadline_at}, created_at, updated_at
from (select * from dispatches order by checks desc, created_at limit 1) as sent, generate_series(1, {copies})
"""


def copies(world: FaultyWorld, number: int, *, deadline_at: str = "null") -> None:
    """So many more sent dispatches that need nothing, and that are all due to be looked at before the one there is."""
    world.rows(COPIES.format(copies=number, deadline_at=deadline_at))


async def test_a_channel_whose_time_is_over_waits_for_none_of_300_that_need_nothing(world: FaultyWorld) -> None:
    [message] = await world.queue(UNTOLD, route=ROUTE)
    process = world.process()
    await world.deliver(process)
    copies(world, 300)
    world.clock.advance(DEADLINE)
    await process.sweeper.deadlines()
    [needs_nothing] = world.rows("select count(*) as number from dispatches where checks = 0 and state = 'sent'")
    assert needs_nothing["number"] == 300, "none of them was looked at before it"
    await world.deliver(process)
    assert world.accepted()[message] == ["ATA", "SMS"]


async def test_those_that_need_nothing_are_closed_in_one_pass_and_hold_up_none_that_is_asked_about(
    world: FaultyWorld,
) -> None:
    world.simulator.set_faults(report_drop_rate=1)
    [message] = await world.queue(UNTOLD, route=ROUTE)
    process = world.process()
    await world.deliver(process)
    copies(world, 3 * LIMITS.at_once)
    world.clock.advance(FIRST_CHECK.total_seconds())
    await process.sweeper.check()
    states = world.rows("select state::text, count(*) as number from dispatches group by 1 order by 1")
    assert states == [{"state": "closed", "number": 3 * LIMITS.at_once}, {"state": "sent", "number": 1}]
    assert world.message(message)["status"] == "sent"


async def test_what_is_over_is_found_among_20_000_that_need_nothing_by_an_index(world: FaultyWorld) -> None:
    await world.queue(UNTOLD, route=ROUTE)
    await world.deliver(world.process())
    copies(world, 20_000)
    copies(world, 5_000, deadline_at="created_at + interval '9 days'")
    world.rows("analyze dispatches")
    now = world.clock.now() + dt.timedelta(seconds=DEADLINE)
    asked = {"now": now, "first": FIRST_CHECK, "longest": LONGEST_WITHOUT_CHECK, "limit": LIMITS.at_once, "without": []}
    async with world.owner.transaction() as connection:
        await connection.execute("set local role allim_sweeper")
        lines = await fetch_all(connection, f"explain {DECIDE_DEADLINES}", asked)
    plan = "\n".join(str(line["QUERY PLAN"]) for line in lines)
    assert "dispatches_by_deadline" in plan
    assert "Seq Scan on dispatches" not in plan
    assert world.rows("select 1 from dispatches where tenant <> %s", TENANT) == []

"""What is due of each tenant is found by itself, and no more is read than is taken."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.platform.database import fetch_all
from shared.workflows.ticks.store import DUE_TENANTS, TAKE_SHARES, due_tenants, take_oldest, take_shares
from tests.clock import NOON
from tests.scratch import INSTANT, Row, Scratch, mostly, rows
from tests.world import World

SECOND = dt.timedelta(seconds=1)
TENANTS = ("academy", "cafe", "shop")
MOMENTS = st.lists(mostly(NOON, NOON - SECOND, NOON + INSTANT), max_size=5)


def _tables(due: Mapping[str, Sequence[dt.datetime]]) -> dict[str, list[Row]]:
    steps = [(tenant, str(place), at) for tenant, moments in due.items() for place, at in enumerate(moments)]
    named = [{"tenant": tenant, "workflow": "pickup", "key": key} for tenant, key, _ in steps]
    return {
        "tenants": [{"id": tenant, "name": tenant, "revision": 1} for tenant in due],
        "runs": [{**run, "version": 1, "event_id": str(UUID(int=1))} for run in named],
        "timers": [{**run, "step": 0, "due_at": at} for run, (_, _, at) in zip(named, steps, strict=True)],
    }


@given(st.fixed_dictionaries(dict.fromkeys(TENANTS, MOMENTS)), st.integers(1, 4), st.integers(1, 12))
async def test_each_in_turn_gives_its_share_and_the_oldest_first(
    scratch: Scratch, due: Mapping[str, Sequence[dt.datetime]], share: int, limit: int
) -> None:
    in_turn = ["shop", "nobody", "academy"]
    offered = [
        (tenant, at)
        for tenant in in_turn
        for at in sorted(moment for moment in due.get(tenant, ()) if moment <= NOON)[:share]
    ]
    async with scratch.holding(**_tables(due)) as connection:
        found = await due_tenants(connection, NOON, without=["cafe"])
        taken = await take_shares(connection, NOON, limit, tenants=in_turn, share=share)
        left = await rows(connection, "select tenant, due_at from timers")
    assert sorted(found) == [tenant for tenant in ("academy", "shop") if any(at <= NOON for at in due[tenant])]
    assert Counter((step.run.tenant, step.due_at) for step in taken) == Counter(offered[:limit])
    all_of_them = Counter((tenant, at) for tenant, moments in due.items() for at in moments)
    assert Counter((row["tenant"], row["due_at"]) for row in left) == all_of_them - Counter(offered[:limit])


@given(st.fixed_dictionaries(dict.fromkeys(TENANTS, MOMENTS)), st.integers(1, 12))
async def test_without_turns_the_oldest_of_all_are_taken(
    scratch: Scratch, due: Mapping[str, Sequence[dt.datetime]], limit: int
) -> None:
    oldest = sorted(at for tenant in ("academy", "shop") for at in due[tenant] if at <= NOON)[:limit]
    async with scratch.holding(**_tables(due)) as connection:
        taken = await take_oldest(connection, NOON, limit, without=["cafe"])
    assert sorted(step.due_at for step in taken) == oldest
    assert "cafe" not in {step.run.tenant for step in taken}


async def test_a_crowds_timers_are_read_by_nobody_who_looks_for_others(world: World) -> None:
    for tenant, number in (("academy", 300), ("cafe", 2)):
        await world.tenant(id_=tenant)
        world.rows(
            "insert into timers select %s, 'pickup', n::text, 0, %s from generate_series(1, %s) n", tenant, NOON, number
        )
    world.rows("analyze timers")
    asked = {"now": NOON, "without": [], "tenants": ["cafe", "academy"], "share": 5, "limit": 4}
    for statement in (DUE_TENANTS, TAKE_SHARES):
        async with world.owner.transaction() as connection:
            await connection.execute("set local enable_seqscan = off")  # so few rows are no reason for an index
            lines = await fetch_all(connection, f"explain (analyze, timing off) {statement}", asked)
        plan = "\n".join(line["QUERY PLAN"] for line in lines)
        assert "timers_of_tenants" in plan, plan
        assert "actual rows=30" not in plan, plan

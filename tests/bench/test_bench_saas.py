"""What the bench writes itself is as what it measures writes it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from bench.saas import CREDIT, give_credit
from shared.platform.ids import first_id, last_id
from tests.world import World


async def test_the_credit_that_the_bench_gives_has_an_id_that_begins_with_its_moment(noon_world: World) -> None:
    tenant = await noon_world.tenant(credit=0)
    stack: Any = SimpleNamespace(database_url=noon_world.migrated.url)
    give_credit(stack, tenant)
    [entry] = noon_world.rows("select * from ledger_entries where tenant = %s and key = 'bench'", tenant)
    assert entry["balance_change"] == CREDIT
    assert first_id(entry["created_at"]) < entry["id"] <= last_id(entry["created_at"])

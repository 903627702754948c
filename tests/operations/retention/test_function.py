"""The function `retention`, as the scheduler calls it."""

from __future__ import annotations

import psycopg

from tests.endpoints import running
from tests.world import World


async def test_a_call_lets_leave_what_is_due_and_another_one_finds_nothing(world: World) -> None:
    with psycopg.connect(world.migrated.url) as owner:
        owner.execute(
            "insert into dead_letters (tenant, source, reason, detail, body, received_at, first_at)"
            " values ('cafe', 's', 'r', 'd', '', '2001-01-01', '2001-01-01')"
        )
    async with running("retention", world) as function:
        first = await function.post(b"")
        assert (first.status_code, first.json()["gone"], first.json()["busy"]) == (200, {"dead_letters": 1}, [])
        assert (await function.post(b"")).json()["gone"] == {}


async def test_a_night_that_could_not_do_all_asks_for_another_try(world: World) -> None:
    with psycopg.connect(world.migrated.url) as owner:
        owner.execute("alter table bulk_sends rename to elsewhere")
    async with running("retention", world) as function:
        answer = await function.post(b"")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "not_all_tended")

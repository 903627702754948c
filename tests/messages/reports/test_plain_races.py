"""Plain arrivals beside others that change the same messages, in months that are not the same."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

import pytest

from shared.contracts.outcomes import Outcome
from shared.contracts.reports import ProviderReport
from shared.messages.reports import plain_store
from shared.messages.reports.reporting import Reports, Told
from shared.platform.clock import first_moment
from shared.platform.ids import new_id
from tests.credits.ledger.bookkeeping import message_row, rows_of
from tests.credits.ledger.model import Bill, Books
from tests.faults.boundaries import WatchedDatabase
from tests.scratch import insertion
from tests.world import World

TENANT, LOCK = "cafe", 7
HELD = Decimal(20)


async def under_way(world: World) -> tuple[list[UUID], UUID]:
    """Messages that were sent by one call, of which half lie in the month after."""
    async with world.owner.connection() as connection:
        found = await connection.execute("select distinct since from partitions where until is null")
        [row] = await found.fetchall()
        turn, minute = first_moment(row["since"]), dt.timedelta(minutes=1)
        ids = sorted(new_id(turn + when) for when in (-minute, -minute, minute, minute))
        dispatch = new_id(turn - minute)
        bills = {
            id_: Bill(id_, ("sms",), turn, None, status="sent", held=HELD, open=True, dispatch=dispatch) for id_ in ids
        }
        rows = rows_of({TENANT: Books({}, balance=Decimal(1_000), bills=bills)})
        rows["messages"] = [message_row(TENANT, bill) for bill in bills.values()]
        rows["dispatches"] = [
            {
                "tenant": TENANT,
                "id": dispatch,
                "provider": "solapi",
                "account": "main",
                "messages": ids,
                "state": "sent",
                **dict.fromkeys(("lease_until", "created_at", "updated_at"), turn),
            }
        ]
        async with connection.transaction():
            await connection.execute("set local session_replication_role = replica")
            for table, each in rows.items():
                await connection.execute(*insertion(table, each))
    return ids, dispatch


def delivered(ids: Sequence[UUID]) -> list[Told]:
    return [
        Told(
            TENANT,
            "solapi",
            ProviderReport(
                message=id_, attempt=0, channel="sms", provider_message_id="M1", code="4000", outcome=Outcome.DELIVERED
            ),
        )
        for id_ in ids
    ]


async def test_messages_that_change_after_the_statement_began_are_recorded_all_the_same(
    own_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are not where the statement saw them, so they go the long way. Postgres 18.4 crashed here when a part of the
    statement chose its months while it ran."""
    world, lock = own_world, f"pg_advisory_xact_lock({LOCK})"
    ids, dispatch = await under_way(world)
    world.rows("grant execute on function pg_advisory_xact_lock(bigint) to allim_reports")
    statement = plain_store.DECIDE_PLAIN_ARRIVALS
    seen = "(select %(ids)s::uuid[])"
    assert seen in statement
    slow = statement.replace(seen, f"(select %(ids)s::uuid[] from {lock})")  # noqa: S608
    monkeypatch.setattr(plain_store, "DECIDE_PLAIN_ARRIVALS", slow)
    reports = Reports(world.as_role("allim_reports"), world.publisher, world.clock)
    async with world.owner.transaction() as others:
        await others.execute(f"select {lock}")
        recording = asyncio.create_task(reports.record(delivered(ids)))
        await world.lock_waiters(1)
        async with world.owner.connection() as connection:
            await connection.execute("update messages set tries = tries + 1 where id = any(%s)", [[ids[0], ids[3]]])
    await recording
    found = world.rows("select id, status::text, price from messages order by id")
    assert [(row["id"], row["status"], row["price"]) for row in found] == [(id_, "delivered", HELD) for id_ in ids]
    assert world.rows("select balance, held from credit_accounts") == [{"balance": 1_000 - 4 * HELD, "held": 0}]
    assert len(world.rows("select code from reports")) == 4
    assert world.rows("select id, state::text from dispatches") == [{"id": dispatch, "state": "closed"}]


async def test_the_same_reports_at_once_are_recorded_once(own_world: World) -> None:
    world = own_world
    ids, _ = await under_way(world)
    one, other = (Reports(world.as_role("allim_reports"), world.publisher, world.clock) for _ in range(2))
    await asyncio.gather(one.record(delivered(ids)), other.record(delivered(ids[::-1])))
    assert {row["status"] for row in world.rows("select status::text from messages")} == {"delivered"}
    assert world.rows("select balance, held from credit_accounts") == [{"balance": 1_000 - 4 * HELD, "held": 0}]
    assert len(world.rows("select code from reports")) == 4


async def test_an_arrival_is_one_statement_and_what_is_left_of_a_batch_goes_the_long_way(own_world: World) -> None:
    world = own_world
    ids, _ = await under_way(world)
    passed: list[str] = []

    async def hook(boundary: str) -> None:
        passed.append(boundary)

    reports = Reports(WatchedDatabase(world.as_role("allim_reports"), hook), world.publisher, world.clock)
    await reports.record(delivered(ids[:2]))
    assert passed == ["before decide_plain_arrivals", "after decide_plain_arrivals"]
    passed.clear()
    await reports.record(delivered([ids[0], ids[2]]))
    assert [boundary for boundary in passed if boundary.startswith("before")] == [
        "before decide_plain_arrivals",
        "before lock_states",
        "before record_reports_and_decide_charges",
        "before commit",
    ]

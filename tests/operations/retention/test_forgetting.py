"""Rows leave a few at a time, at the end of their life; none before, and none that is still at work."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest

from shared.operations.retention import retaining
from shared.operations.retention.lives import FORGOTTEN, LIVES
from shared.operations.retention.retaining import Retention, RetentionError
from shared.operations.retention.store import count_aged, forget
from shared.platform.clock import first_moment
from shared.platform.database import Database
from tests.clock import SettableClock
from tests.databases import Migrated
from tests.operations.retention.months import Owner, months_on, owner_of
from tests.schemas.samples import OURS, SAMPLES
from tests.schemas.walls import sample

NOW = first_moment(dt.date(2015, 7, 1))
MOMENT = dt.timedelta(microseconds=1)
OVER = {
    "alert_notices": "firing = false, owed = false",
    "payment_orders": "status = 'failed', failure_code = 'x'",
}
"""What else is true of a row that may leave."""


@pytest.fixture
def owner(database: Migrated) -> Iterator[Owner]:
    with owner_of(database.url) as connection:
        yield connection


def _end_of_life(table: str) -> dt.datetime:
    """What is older than this at `NOW` has lived its life."""
    return first_moment(months_on(dt.date(2015, 7, 1), -(LIVES[table].months or 0)))


def _put(owner: Owner, table: str, number: int, moment: dt.datetime) -> None:
    statement, parameters = sample(table, OURS, number)
    owner.execute(statement, parameters)
    changed = f"{LIVES[table].by} = %(moment)s" + (f", {OVER[table]}" if table in OVER else "")
    made_now = f"update {table} set {changed} where {LIVES[table].by} > '2015-12-01'"  # noqa: S608 - names from above
    owner.execute(made_now.encode(), {"moment": moment})


def _count(owner: Owner, table: str) -> int:
    [(count,)] = owner.execute(f"select count(*) from {table}").fetchall()  # noqa: S608 - names from above
    assert isinstance(count, int)
    return count


async def _forget(keeper: Database, table: str, most: int = 10) -> tuple[int, bool]:
    async with keeper.connection() as connection:
        return await forget(connection, table, NOW, most=most)


WITH_SAMPLES = [table for table in FORGOTTEN if table in SAMPLES]


@pytest.mark.parametrize("table", WITH_SAMPLES)
async def test_a_row_leaves_at_the_end_of_its_life_and_not_a_moment_before(
    owner: Owner, keeper: Database, table: str
) -> None:
    _put(owner, table, 1, _end_of_life(table) - MOMENT)
    _put(owner, table, 2, _end_of_life(table))
    assert await _forget(keeper, table) == (1, False)
    [(left,)] = owner.execute(f"select {LIVES[table].by} from {table}").fetchall()  # noqa: S608 - names from above
    assert left == _end_of_life(table)
    assert await _forget(keeper, table) == (0, False)


@pytest.mark.parametrize("table", [table for table in WITH_SAMPLES if table != "runs"])
async def test_a_statement_takes_no_more_than_it_is_told(owner: Owner, keeper: Database, table: str) -> None:
    for number in range(5):
        _put(owner, table, number, _end_of_life(table) - MOMENT)
    assert await _forget(keeper, table, most=2) == (2, True)
    assert _count(owner, table) == 3


async def test_a_door_forgets_who_knocked(owner: Owner, keeper: Database) -> None:
    for hour in (0, 1):
        since = _end_of_life("door_counts") - dt.timedelta(hours=1 - hour)
        owner.execute("insert into door_counts (door, source, since, number) values ('d', 's', %s, 1)", [since])
    assert await _forget(keeper, "door_counts") == (1, False)


async def test_a_run_with_a_step_to_come_stays_and_a_walk_goes_on_where_it_was(owner: Owner, keeper: Database) -> None:
    old = _end_of_life("runs") - MOMENT
    for number in range(6):
        owner.execute(
            "insert into runs (tenant, workflow, key, version, updated_at) values ('cafe', 'w', %s, 1, %s)",
            [f"k{number}", old if number != 4 else NOW],
        )
    owner.execute("insert into timers (tenant, workflow, key, step, due_at) values ('cafe', 'w', 'k1', 0, %s)", [NOW])
    assert [await _forget(keeper, "runs", most=2) for _ in range(3)] == [(1, True), (2, True), (1, True)]
    left = [key for (key,) in owner.execute("select key from runs order by key").fetchall()]
    assert left == ["k1", "k4"]
    assert await _forget(keeper, "runs", most=2) == (0, False), "the walk has come to the end"
    owner.execute("delete from timers")
    assert await _forget(keeper, "runs", most=10) == (1, False), "and begins anew"


async def test_an_order_that_is_not_decided_and_an_alert_that_is_open_stay(owner: Owner, keeper: Database) -> None:
    owner.execute(*sample("payment_orders", OURS, 1))
    owner.execute("update payment_orders set updated_at = '2001-01-01', status = 'waiting_for_deposit'")
    owner.execute(*sample("alerts", OURS, 1))
    owner.execute("update alerts set raised_at = '2001-01-01'")
    assert [await _forget(keeper, table) for table in ("payment_orders", "alerts")] == [(0, False)] * 2


async def test_with_an_order_leave_its_cancels_and_what_it_paid_for(owner: Owner, keeper: Database) -> None:
    for table in ("payment_orders", "payment_cancels", "plan_orders"):
        owner.execute(*sample(table, OURS, 1))
    owner.execute("update payment_orders set updated_at = '2001-01-01', status = 'failed', failure_code = 'x'")
    owner.execute("update payment_cancels set updated_at = '2001-01-01', order_id = (select id from payment_orders)")
    owner.execute("update plan_orders set order_id = (select id from payment_orders)")
    assert await _forget(keeper, "payment_orders") == (1, False)
    assert [_count(owner, table) for table in ("payment_orders", "payment_cancels", "plan_orders")] == [0, 0, 0]


async def test_one_table_that_fails_stops_no_other(
    owner: Owner, keeper: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retaining, "AT_ONCE", 2)
    for number in range(5):
        _put(owner, "dead_letters", number, _end_of_life("dead_letters") - MOMENT)
    owner.execute("alter table bulk_sends rename to elsewhere")
    with pytest.raises(RetentionError) as failed:
        await Retention(keeper, SettableClock(NOW)).run()
    assert "bulk_sends" in str(failed.value)
    assert _count(owner, "dead_letters") == 0


@pytest.mark.parametrize("table", WITH_SAMPLES)
async def test_the_count_before_is_what_the_night_does(
    owner: Owner, keeper: Database, database: Migrated, table: str
) -> None:
    for number in range(5):
        _put(owner, table, number, _end_of_life(table) - (MOMENT if number < 3 else -MOMENT))
    pool = Database(database.url, pool_size=1)
    async with pool.connection() as connection:
        assert await count_aged(connection, table, NOW, most=10) == (3, False)
        assert await count_aged(connection, table, NOW, most=2) == (2, True)
    await pool.close()
    assert await _forget(keeper, table) == (3, False)


async def test_of_what_stays_nothing_is_counted(owner: Owner, database: Migrated) -> None:
    _put(owner, "runs", 1, _end_of_life("runs") - MOMENT)
    owner.execute(
        "insert into timers (tenant, workflow, key, step, due_at) select tenant, workflow, key, 0, %s from runs", [NOW]
    )
    _put(owner, "payment_orders", 1, _end_of_life("payment_orders") - MOMENT)
    owner.execute("update payment_orders set status = 'waiting_for_deposit', failure_code = null")
    pool = Database(database.url, pool_size=1)
    async with pool.connection() as connection:
        assert [await count_aged(connection, table, NOW, most=10) for table in FORGOTTEN] == [(0, False)] * len(
            FORGOTTEN
        )
    await pool.close()


async def test_what_has_no_life_is_not_forgotten(keeper: Database) -> None:
    for table in ("tenants", "messages"):
        with pytest.raises(Exception, match="is forgotten"):
            await _forget(keeper, table)

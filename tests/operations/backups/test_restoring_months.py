"""A restore of months in parallel: the same months with the same rows, or a database as empty as it was."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from shared.operations.backups import restore_store, restoring
from shared.operations.backups.manifest import BackupError, Manifest, TableFile
from shared.operations.backups.restore_store import stand_alone
from shared.operations.backups.restoring import load
from shared.platform.buckets import Bucket
from shared.platform.clock import first_moment
from shared.platform.ids import new_id
from tests.databases import Migrated
from tests.operations.backups.conftest import MESSAGE, Months, backups_of
from tests.world import World

CATALOG = """
select c.relname, c.reloptions, pg_get_partition_constraintdef(c.oid) as rows, c.relrowsecurity,
  array(select a::text from aclexplode(c.relacl) a where a.grantee <> c.relowner order by 1) as granted,
  array(select regexp_replace(pg_get_indexdef(indexrelid), 'INDEX [^ ]+', '') from pg_index
    where indrelid = c.oid order by 1) as indexes,
  array(select contype::text || pg_get_constraintdef(oid) from pg_constraint
    where conrelid = c.oid and contype <> 'n' order by 1) as constraints,
  array(select tgname || tgenabled::text from pg_trigger
    where tgrelid = c.oid and not tgisinternal order by 1) as triggers,
  p.parent, p.since, p.until, p.closed_at
from pg_class c left join partitions p on p.name = c.relname
where c.relnamespace = 'months'::regnamespace and c.relkind = 'r' order by 1
"""
COUNTED = "select tableoid::regclass::text as name, md5(string_agg(m::text, ' ' order by m::text)) from {} m group by 1"


def _ignore(what: str, file: TableFile) -> None:
    pass


def _look(world: World) -> dict[str, Any]:
    """What a database has of months, and in which of them each row lies."""
    parents = ("messages", "reports", "ledger_entries", "events", "dispatches")
    return {"catalog": world.rows(CATALOG), **{one: world.rows(COUNTED.format(one)) for one in parents}}


@pytest.fixture
async def taken(months: Months, bucket: Bucket) -> Manifest:
    return await backups_of(months.world, bucket).back_up()


@pytest.fixture
def target(empty_database: Migrated, months: Months) -> World:
    return World(empty_database, months.world.clock)


async def test_months_come_back_as_they_were_closed_ones_closed(
    months: Months, taken: Manifest, bucket: Bucket, target: World
) -> None:
    await load(target.owner, bucket, taken, _ignore, jobs=3)
    assert _look(target) == _look(months.world)
    assert target.rows("select 1 from pg_namespace where nspname = 'restoring'") == []
    before = target.rows("select changes from partitions where name = %s", months.name("messages", 0))
    target.rows("update messages set tries = tries + 1")
    after = target.rows("select changes from partitions where name = %s", months.name("messages", 0))
    assert (before, after) == ([{"changes": 0}], [{"changes": 1}])
    await target.close()


async def test_what_was_stored_before_a_restore_says_nothing_of_what_is_there_after(
    months: Months, taken: Manifest, bucket: Bucket, target: World
) -> None:
    await load(target.owner, bucket, taken, _ignore, jobs=3)
    target.clock.moment += dt.timedelta(days=1)
    night = await backups_of(target, bucket).back_up()
    assert night.lineage != taken.lineage
    assert not {file.object for file in night.tables} & {file.object for file in taken.tables}
    target.clock.moment += dt.timedelta(days=1)
    then = await backups_of(target, bucket).back_up()
    closed = {file.name for file in taken.tables if file.partition and file.partition.closed_at}
    assert {file.name for file in then.tables if file in night.tables} == closed
    await target.close()


def _one_row_more(file: TableFile) -> TableFile:
    return file.model_copy(update={"rows": file.rows + 1})


def _of_another_month(file: TableFile) -> TableFile:
    """A closed month's rows, as if they were of days before."""
    if file.partition is None or file.partition.since is None:
        return file
    month = {"since": file.partition.since - dt.timedelta(days=60), "until": file.partition.since}
    return file.model_copy(update={"partition": file.partition.model_copy(update=month)})


@pytest.mark.parametrize("jobs", [1, 4])
@pytest.mark.parametrize(
    ("which", "change"),
    [
        pytest.param("messages_past", _one_row_more, id="the largest month"),
        pytest.param("reports_later", _one_row_more, id="an open month"),
        pytest.param("timers", _one_row_more, id="a table"),
        pytest.param("messages_2", _of_another_month, id="rows of another month"),
    ],
)
async def test_when_one_file_is_wrong_nothing_is_kept_and_the_next_try_does_it(
    taken: Manifest,
    bucket: Bucket,
    target: World,
    which: str,
    change: Callable[[TableFile], TableFile],
    jobs: int,
) -> None:
    bare = _look(target)
    wrong = tuple(change(file) if file.name.startswith(which) else file for file in taken.tables)
    with pytest.raises((BackupError, psycopg.errors.CheckViolation)):
        await load(target.owner, bucket, taken.model_copy(update={"tables": wrong}), _ignore, jobs=jobs)
    assert _look(target) == bare
    assert target.rows("select 1 from tenants") == []
    assert target.rows("select 1 from pg_namespace where nspname = 'restoring'") == []
    await load(target.owner, bucket, taken, _ignore, jobs=jobs)
    assert target.rows("select count(*) from messages")[0]["count"] == taken.rows_of_tables["messages"]
    await target.close()


async def test_what_a_restore_left_that_was_killed_is_seen_by_nobody_and_gone_with_the_next(
    months: Months, taken: Manifest, bucket: Bucket, target: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = _look(target)

    async def killed(*_: object) -> None:
        raise ConnectionError("no such process")

    with monkeypatch.context() as patch:
        patch.setattr(restoring, "place_months", killed)
        patch.setattr(restoring, "stand_alone", _once(stand_alone))  # nor is there anybody to clear up
        with pytest.raises(ConnectionError):
            await load(target.owner, bucket, taken, _ignore, jobs=2)
    left = target.rows("select relname from pg_class where relnamespace = 'restoring'::regnamespace and relkind = 'r'")
    assert len(left) == sum(file.partition is not None for file in taken.tables)
    assert _look(target) == bare
    await load(target.owner, bucket, taken, _ignore, jobs=2)
    assert _look(target) == _look(months.world)
    await target.close()


def _once(asked: Callable[..., Any]) -> Callable[..., Any]:
    times: list[None] = []

    async def once(*arguments: object) -> bool:
        times.append(None)
        return bool(await asked(*arguments)) if len(times) == 1 else False

    return once


async def test_of_two_restores_at_once_one_is_refused_and_the_other_is_whole(
    months: Months, taken: Manifest, bucket: Bucket, target: World
) -> None:
    both = [load(target.owner, bucket, taken, _ignore, jobs=2) for _ in range(2)]
    first, second = await asyncio.gather(*both, return_exceptions=True)
    [refused] = [one for one in (first, second) if one is not None]
    assert isinstance(refused, BackupError)
    assert refused.code in {"restoring", "not_empty"}  # as it came soon, or when the other was done
    assert _look(target) == _look(months.world)
    await target.close()


async def test_while_one_restore_goes_on_another_is_refused_and_clears_nothing_of_it(
    taken: Manifest, bucket: Bucket, target: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restore_store, "ALONE_WITHIN", "10ms")
    target.rows("create schema restoring")
    async with target.owner.transaction() as connection:
        assert await stand_alone(connection)
        with pytest.raises(BackupError, match="restoring"):
            await load(target.owner, bucket, taken, _ignore, jobs=2)
    assert target.rows("select 1 as one from pg_namespace where nspname = 'restoring'") == [{"one": 1}]
    await target.close()


async def test_a_restore_that_is_just_ending_is_waited_for(world: World) -> None:
    async def clear_up() -> bool:
        async with world.owner.transaction() as connection:
            return await stand_alone(connection)

    async with world.owner.transaction() as connection:
        assert await stand_alone(connection)
        waiting = asyncio.create_task(clear_up())
        await world.lock_waiters(1)
    assert await waiting


async def test_the_months_that_the_empty_database_has_make_no_difference(
    months: Months, taken: Manifest, bucket: Bucket, target: World
) -> None:
    target.rows("select months.extend(%s)", months.begins[2])
    target.rows("select months.close(%s)", dt.datetime(2100, 1, 1, tzinfo=dt.UTC))
    await load(target.owner, bucket, taken, _ignore, jobs=2)
    assert _look(target) == _look(months.world)
    await target.close()


async def test_a_partition_of_several_months_comes_back_as_it_was(
    months: Months, bucket: Bucket, target: World
) -> None:
    moment = first_moment(months.begins[-1]) + dt.timedelta(days=100)
    months.world.rows(MESSAGE, tenant=months.tenant, id=new_id(moment), now=moment)
    months.world.rows("select months.extend(%s)", months.begins[-1] + dt.timedelta(days=1))
    lump = months.world.rows("select until from partitions where name = %s", months.name("messages", 3))
    assert lump[0]["until"] > months.begins[3] + dt.timedelta(days=100)
    manifest = await backups_of(months.world, bucket).back_up()
    await load(target.owner, bucket, manifest, _ignore, jobs=2)
    assert _look(target) == _look(months.world)
    await target.close()

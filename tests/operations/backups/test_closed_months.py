"""A closed month is stored once, for as long as nothing of it changed; whatever is doubtful is copied anew."""

from __future__ import annotations

import dataclasses
import datetime as dt
import tracemalloc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql

from shared.operations.backups import keeping
from shared.operations.backups.keeping import SPREAD_NIGHTS, kept_file
from shared.operations.backups.manifest import (
    KEPT_NIGHTS,
    BackupError,
    Manifest,
    Partition,
    TableFile,
    manifest_name,
    signed,
)
from shared.operations.backups.restoring import verify
from shared.operations.backups.signing import SigningKeys
from shared.operations.backups.store import Part, Table, begin_snapshot, read_parts, read_tables
from shared.platform import buckets
from shared.platform.buckets import Bucket
from shared.platform.clock import first_moment
from shared.platform.ids import new_id
from tests.clock import NOON
from tests.operations.backups.conftest import MESSAGE, Months, backups_of, remove
from tests.world import World

NIGHT = dt.timedelta(days=1)
THIEF = SigningKeys([bytes(32)])
DAY = dt.date(2026, 11, 21)
TABLE = Table("messages", True, ["id", "name"], "shape", True, True, [], 0)
CLOSED = Partition(name="messages_2026_09", since=DAY, until=DAY + NIGHT, closed_at=NOON, changes=3)


async def _next_night(world: World, bucket: Bucket) -> Manifest:
    world.clock.moment += NIGHT
    return await backups_of(world, bucket).back_up()


def _files(manifest: Manifest) -> dict[str, str]:
    """Where each part's rows are."""
    return {file.name: file.object for file in manifest.tables}


def _of_closed(manifest: Manifest) -> set[str]:
    return {file.name for file in manifest.tables if file.partition and file.partition.closed_at}


def _copied(manifest: Manifest) -> set[str]:
    """The closed months that were copied for this very backup."""
    return {file.name for file in manifest.tables if f"/{manifest.day}-" in file.object}


def _ignore(what: str, file: TableFile) -> None:
    pass


def _last(**changed: Any) -> Manifest:
    """The backup of a night before, with one file."""
    day = changed.pop("day", DAY - NIGHT)
    taken = NOON - (DAY - day)
    file = TableFile(
        table=TABLE.name,
        partition=CLOSED,
        columns=tuple(TABLE.columns),
        shape=TABLE.shape,
        object=f"months/{CLOSED.name}/{day}-030000-0a1b2c3d.copy.gz",
        generation=7,
        rows=3,
        bytes=40,
        sha256="0" * 64,
    )
    return Manifest(
        bucket="b", lineage="l", day=day, taken_at=taken, finished_at=taken, migrations=("0001",), tables=(file,)
    )


async def test_a_closed_month_is_stored_once_and_an_open_one_each_night(months: Months, bucket: Bucket) -> None:
    world = months.world
    first = await backups_of(world, bucket).back_up()
    closed = _of_closed(first)
    assert {months.name("messages", 0), months.name("reports", 1), "events_past"} <= closed == _copied(first)
    assert not closed & {months.name("messages", 2), "messages_later"}
    for _ in range(3):
        night = await _next_night(world, bucket)
        assert {name: _files(night)[name] for name in closed} == {name: _files(first)[name] for name in closed}
        assert not {_files(night)[name] for name in _files(night).keys() - closed} & {*_files(first).values()}
        told = {"heartbeats": first.rows_of_tables["heartbeats"] + 1}  # of the first backup
        assert (night.rows_of_tables, _copied(night)) == (first.rows_of_tables | told, set())
        await verify(bucket, night, _ignore, jobs=2)


UPDATE = """
update messages set tries = tries + 1
where id >= months.first_id(months.start_of(%(since)s)) and id < months.first_id(months.start_of(%(until)s))
"""
DELETE = """
delete from messages
where id >= months.first_id(months.start_of(%(since)s)) and id < months.first_id(months.start_of(%(until)s))
"""


@pytest.mark.parametrize("statement", [UPDATE, DELETE, MESSAGE], ids=["update", "delete", "insert"])
async def test_a_month_that_changes_after_all_is_copied_and_no_other(
    months: Months, bucket: Bucket, statement: str
) -> None:
    await backups_of(months.world, bucket).back_up()
    moment = first_moment(months.begins[0])
    row = {"tenant": months.tenant, "id": new_id(moment), "now": moment}
    months.world.rows(statement, since=months.begins[0], until=months.begins[1], **row)
    night = await _next_night(months.world, bucket)
    assert _copied(night) == {months.name("messages", 0)}
    await verify(bucket, night, _ignore, jobs=2)
    assert _copied(await _next_night(months.world, bucket)) == set()


async def test_a_file_that_is_gone_or_another_one_is_copied_anew(months: Months, bucket: Bucket, storage: Path) -> None:
    first = await backups_of(months.world, bucket).back_up()
    gone, other = months.name("messages", 0), months.name("reports", 0)
    for name in (gone, other):
        remove(storage, f"*{name}%2F*")
    file = bucket.write(_files(first)[other])
    file.write(b"as long as it was")
    file.close()
    night = await _next_night(months.world, bucket)
    assert _copied(night) == {gone, other}
    await verify(bucket, night, _ignore, jobs=2)


async def test_before_the_bucket_deletes_a_months_file_it_is_copied_anew_and_not_all_in_one_night(
    months: Months, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "KEPT_NIGHTS", 7)
    monkeypatch.setattr(keeping, "SPREAD_NIGHTS", 4)
    first = await backups_of(months.world, bucket).back_up()
    copied: list[set[str]] = []
    for _ in range(7):
        night = await _next_night(months.world, bucket)
        copied.append(_copied(night))
    assert copied[:3] == [set()] * 3
    assert set.union(*copied) == _of_closed(first)
    assert max(map(len, copied)) < len(_of_closed(first))
    await verify(bucket, night, _ignore, jobs=2)


async def test_another_shape_of_a_table_is_copied_anew(months: Months, bucket: Bucket) -> None:
    await backups_of(months.world, bucket).back_up()
    months.world.rows("alter table reports add column later text")
    months.world.rows("alter type message_status add value 'later'")
    night = await _next_night(months.world, bucket)
    assert {name.split("_")[0] for name in _copied(night)} == {"messages", "reports"}
    assert len(_copied(night)) == 6


async def test_what_a_thief_wrote_into_last_nights_place_says_nothing_of_a_month(
    months: Months, bucket: Bucket, storage: Path
) -> None:
    last = await backups_of(months.world, bucket).back_up()
    remove(storage, "*manifest.json*")
    assert bucket.create(manifest_name(last.day), signed(last, THIEF))
    night = await _next_night(months.world, bucket)
    assert _copied(night) == _of_closed(last)


async def test_a_try_that_ended_between_two_files_is_no_backup_and_nothing_refers_to_it(
    months: Months, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, last = bucket.write, months.name("reports", 1)

    def breaking(name: str) -> Any:
        if last in name:
            raise ConnectionError("the bucket is away")
        return write(name)

    with monkeypatch.context() as patch:
        patch.setattr(bucket, "write", breaking)
        with pytest.raises(ConnectionError):
            await backups_of(months.world, bucket).back_up()
    left = set(bucket.names())
    assert len(left) > 3
    manifest = await backups_of(months.world, bucket).back_up()
    assert not left & {*_files(manifest).values()}
    await verify(bucket, manifest, _ignore, jobs=2)


async def test_each_part_is_read_through_its_table_and_touches_no_other_month(months: Months) -> None:
    async with months.world.as_role("allim_backup").transaction() as connection:
        parts = [part for part in await read_parts(connection, await read_tables(connection)) if part.condition]
        assert len(parts) == 25
        for part in parts:
            statement = sql.SQL("explain (format json) select * from {} where {}").format(
                sql.Identifier(part.table.name), sql.SQL(part.condition or "")
            )
            [row] = await (await connection.execute(statement)).fetchall()
            plan = row["QUERY PLAN"][0]["Plan"]
            assert ("Plans" in plan, plan["Relation Name"]) == (False, part.name)


async def test_a_partition_that_nobody_told_of_fails_the_backup(months: Months, bucket: Bucket) -> None:
    months.world.rows("delete from partitions where name = 'reports_later'")
    with pytest.raises(BackupError, match="hidden_rows: nobody wrote down which month reports_later is"):
        await backups_of(months.world, bucket).back_up()


async def test_a_months_rows_do_not_leave_while_they_are_copied(months: Months) -> None:
    async with months.world.as_role("allim_backup").transaction() as connection:
        await begin_snapshot(connection, ["messages"])
        with psycopg.connect(months.world.migrated.url) as owner:
            owner.execute("set lock_timeout = '100ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                owner.execute(f"alter table messages detach partition months.{months.name('messages', 0)}".encode())


async def test_what_is_in_memory_of_a_table_does_not_grow_with_it(
    world: World, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buckets, "CHUNK_BYTES", 256 * 1024)
    world.rows(
        "insert into dead_letters (source, reason, detail, body, received_at) select 'events', 'malformed', '',"
        " decode(repeat(md5(i::text), 16384), 'hex'), %s from generate_series(1, 100) i",
        NOON,
    )
    await backups_of(world, bucket).back_up()  # whatever is imported and connected once
    tracemalloc.start()
    night = await _next_night(world, bucket)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert next(file.rows for file in night.tables if file.table == "dead_letters") == 100
    assert peak < 20_000_000  # of 50 MB that go through


def test_the_file_of_the_night_before_serves() -> None:
    last = _last()
    assert kept_file(Part(TABLE, 0, CLOSED), last, "l", DAY) == last.tables[0]


OF_PARTITION: Mapping[str, dict[str, Any]] = {
    "name": {"name": "messages_2026_10"},
    "beginning": {"since": None},
    "end": {"until": None},
    "closing": {"closed_at": NOON + NIGHT},
    "count of changes": {"changes": 2},
}
OF_TABLE: Mapping[str, dict[str, Any]] = {
    "table": {"name": "reports"},
    "order of columns": {"columns": ["name", "id"]},
    "type of a column": {"shape": "other"},
}


@pytest.mark.parametrize(
    ("part", "last", "lineage"),
    [
        pytest.param(Part(TABLE, 0, CLOSED), None, "l", id="no backup before"),
        pytest.param(Part(TABLE, 0, CLOSED), _last(), "another", id="another lineage"),
        pytest.param(Part(TABLE, 0), _last(), "l", id="a table without partitions"),
        *(
            pytest.param(Part(TABLE, 0, CLOSED.model_copy(update=changed)), _last(), "l", id=f"another {name}")
            for name, changed in OF_PARTITION.items()
        ),
        pytest.param(Part(TABLE, 0, CLOSED.model_copy(update={"closed_at": None})), _last(), "l", id="open"),
        *(
            pytest.param(Part(dataclasses.replace(TABLE, **changed), 0, CLOSED), _last(), "l", id=f"another {name}")
            for name, changed in OF_TABLE.items()
        ),
    ],
)
def test_whatever_differs_is_copied_anew(part: Part, last: Manifest | None, lineage: str) -> None:
    assert kept_file(part, last, lineage, DAY) is None


@given(st.integers(-3, 2 * KEPT_NIGHTS), st.integers(0, 999))
def test_a_file_that_serves_outlives_every_backup_that_names_it(nights: int, number: int) -> None:
    closed = CLOSED.model_copy(update={"name": f"messages_{number}"})
    last = _last(day=DAY - dt.timedelta(days=nights))
    stored = last.tables[0].model_copy(
        update={"partition": closed, "object": last.tables[0].object.replace(CLOSED.name, closed.name)}
    )
    kept = kept_file(Part(TABLE, 0, closed), last.model_copy(update={"tables": (stored,)}), "l", DAY)
    assert kept is None or (0 <= nights < KEPT_NIGHTS and kept.is_in_place(DAY))
    assert kept is not None or not 0 <= nights < KEPT_NIGHTS - SPREAD_NIGHTS

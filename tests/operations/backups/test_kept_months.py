"""What the law wants kept is in each backup, stored once, and comes back as it was, with who may read it and nobody to
write."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import psycopg
import pytest

from shared.credits.ledger.audit import audit
from shared.operations.backups.manifest import BackupError, Manifest, TableFile
from shared.operations.backups.restore_store import read_broken
from shared.operations.backups.restoring import load, verify
from shared.platform.buckets import Bucket
from tests.databases import Migrated
from tests.operations.backups.conftest import Restore, backups_of, next_backup, next_night
from tests.operations.retention.months import owner_of
from tests.world import World

KEPT = """
select c.relname, c.relowner = (select relowner from pg_class where oid = 'public.ledger_entries'::regclass) as owned,
  c.relrowsecurity, c.reloptions,
  array(select a::text from aclexplode(c.relacl) a where a.grantee <> c.relowner order by 1) as granted,
  array(select regexp_replace(pg_get_indexdef(indexrelid), 'INDEX [^ ]+', '') from pg_index
    where indrelid = c.oid order by 1) as indexes,
  array(select relname::text from pg_index join pg_class i on i.oid = indexrelid
    where indrelid = c.oid order by 1) as names_of_indexes,
  array(select contype::text || convalidated::text || pg_get_constraintdef(oid) from pg_constraint
    where conrelid = c.oid and contype <> 'n' order by 1) as constraints,
  array(select attname || format_type(atttypid, atttypmod) || attnotnull::text from pg_attribute
    where attrelid = c.oid and attnum > 0 and not attisdropped order by attnum) as columns,
  array(select pg_get_triggerdef(oid) || tgenabled::text from pg_trigger
    where tgrelid = c.oid and not tgisinternal order by 1) as triggers,
  array(select concat_ws(' ', polname, polcmd, polpermissive, polroles::regrole[]::text, pg_get_expr(polqual, polrelid))
    from pg_policy where polrelid = c.oid order by 1) as policies
from pg_class c where c.relnamespace = 'kept'::regnamespace and c.relkind = 'r' order by 1
"""
LEFT = "select * from left_months order by name"


def _ignore(what: str, file: TableFile) -> None:
    pass


def _look(world: World) -> dict[str, Any]:
    """What is kept apart in a database: what it is, and each of its rows."""
    kept = world.rows(KEPT)
    rows = {one["relname"]: world.rows(f"select * from kept.{one['relname']} order by id") for one in kept}  # noqa: S608 - from the catalog
    return {"tables": kept, "left": world.rows(LEFT), "rows": rows}


FIRST, SECOND = "ledger_entries_2013_11", "ledger_entries_2013_12"
BEFORE = "ledger_entries_until_2013_11"


def _apart(manifest: Manifest) -> dict[str, str]:
    return {file.name: file.object for file in manifest.tables if file.apart}


async def test_what_leaves_to_be_kept_is_in_each_backup_by_the_file_that_was_there(aged: World, bucket: Bucket) -> None:
    inside = {file.name: file.object for file in (await backups_of(aged, bucket).back_up()).tables}
    assert (await next_night(aged)).kept == ["ledger_entries_past", FIRST]
    first = await next_backup(aged, bucket)
    assert first.rows_apart == {FIRST: 2, BEFORE: 1}
    assert first.rows_of_tables["ledger_entries"] == 1
    assert _apart(first)[FIRST] == inside[FIRST], "the same rows, stored once"
    second = await next_backup(aged, bucket)
    assert _apart(second) == _apart(first)
    assert all(name.startswith(f"months/{month}/") for month, name in _apart(second).items())
    await verify(bucket, second, _ignore, jobs=2)
    proven = aged.rows("select name, rows from left_months where dropped_at is null")
    assert {row["name"]: row["rows"] for row in proven} == second.rows_apart


async def test_what_is_kept_comes_back_as_it_was_and_all_adds_up(
    aged: World, bucket: Bucket, empty_database: Migrated
) -> None:
    await next_night(aged)
    manifest = await next_backup(aged, bucket)
    target = World(empty_database, aged.clock)
    await load(target.owner, bucket, manifest, _ignore, jobs=3)
    kept = _look(target)
    assert kept == _look(aged)
    assert {name: len(rows) for name, rows in kept["rows"].items()} == {FIRST: 2, BEFORE: 1}
    async with target.owner.connection() as connection:
        broken = await read_broken(connection)
    assert (broken.kept_months_that_are_not_there, broken.kept_months_with_other_rows_than_were_proven) == (0, 0)
    assert await audit(target.owner) == await audit(aged.owner)
    with psycopg.connect(empty_database.role_url("allim_backup")) as reader:
        assert reader.execute("select count(*) from kept.ledger_entries_2013_11").fetchone() == (2,)
    with psycopg.connect(empty_database.url) as owner, pytest.raises(psycopg.errors.RestrictViolation):
        owner.execute("delete from kept.ledger_entries_2013_11")
    await target.close()


async def test_the_restore_verb_names_what_is_kept_and_fails_where_it_is_not_whole(
    aged: World, bucket: Bucket, empty_database: Migrated, run: Restore
) -> None:
    await next_night(aged)
    with owner_of(aged.migrated.url) as owner:
        owner.execute(
            "with one as (select min(id::text) as id from kept.ledger_entries_2013_11)"
            " delete from kept.ledger_entries_2013_11 k using one where k.id::text = one.id"
        )
    aged.rows("drop table kept." + BEFORE)
    day = (await next_backup(aged, bucket)).day
    await aged.owner.close()
    result = await asyncio.to_thread(run, f"{day}", "--into", empty_database.url, "--json")
    told = json.loads(result.stdout)
    assert told["kept"] == {FIRST: 1}
    broken = {name: number for name, number in told["broken"].items() if number}
    assert broken == {"kept_months_that_are_not_there": 1, "kept_months_with_other_rows_than_were_proven": 1}
    assert result.exit_code == 1


async def test_a_table_that_nobody_wrote_down_or_whose_rows_are_hidden_fails_the_backup(
    aged: World, bucket: Bucket
) -> None:
    await next_night(aged)
    aged.rows(f"drop policy shown on kept.{FIRST}")
    with pytest.raises(BackupError, match=f"hidden_rows: allim_backup is not shown all of {FIRST}"):
        await backups_of(aged, bucket).back_up()
    aged.rows("create table kept.other (id int)")
    with pytest.raises(BackupError, match="hidden_rows: nobody wrote down which month other is"):
        await backups_of(aged, bucket).back_up()


async def test_a_column_that_came_after_a_month_was_kept_is_empty_when_it_comes_back(
    aged: World, bucket: Bucket, empty_database: Migrated
) -> None:
    await next_night(aged)
    target = World(empty_database, aged.clock)
    for world in (aged, target):
        world.rows("alter table ledger_entries add column later text")
    await load(target.owner, bucket, await next_backup(aged, bucket), _ignore, jobs=2)
    assert target.rows(f"select later from kept.{FIRST}") == [{"later": None}] * 2  # noqa: S608
    await target.close()


async def test_a_database_that_keeps_something_apart_is_not_empty(
    aged: World, bucket: Bucket, empty_database: Migrated
) -> None:
    manifest = await next_backup(aged, bucket)
    target = World(empty_database, aged.clock)
    target.rows("create table kept.other (id int)")
    with pytest.raises(BackupError, match="not_empty: there are tables in the schema kept"):
        await load(target.owner, bucket, manifest, _ignore, jobs=2)
    await target.close()

"""The nightly backup and its restore: taken under load, read back, and whole in another database."""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from google.cloud.storage.exceptions import InvalidResponse
from psycopg import sql
from typer.testing import Result

from local.postgres import with_parts
from shared.credits.ledger.audit import Audit, audit, disagreements, prove_and_audit
from shared.credits.ledger.ledger import top_up
from shared.operations.backups import backups as backups_module
from shared.operations.backups.judging import choose
from shared.operations.backups.manifest import BackupError, Manifest, TableFile
from shared.operations.backups.restoring import find_backups, load, verify
from shared.operations.backups.store import begin_snapshot
from shared.platform import buckets
from shared.platform.buckets import Bucket
from shared.workflows.events.intake import EventIntake
from tests.databases import Migrated
from tests.endpoints import running
from tests.operations.backups.conftest import TODAY, Restore, backups_of
from tests.world import BACKUP_KEYS, World, event


def _ignore(what: str, file: TableFile) -> None:
    pass


def _away(*_: object) -> None:
    raise ConnectionError("the bucket is away")


def _days(world: World, bucket: Bucket) -> list[dt.date | None]:
    """The days of the signed backups, newest first."""
    found = find_backups(bucket, BACKUP_KEYS, world.clock.now())
    assert {one.state for one in found} <= {"signed"}
    return [one.day for one in found]


def _chosen(world: World, bucket: Bucket, named: str) -> Manifest:
    return choose(find_backups(bucket, BACKUP_KEYS, world.clock.now()), named, unsigned=False)


def _hashes(connection: psycopg.Connection[Any]) -> dict[str, tuple[int, str | None]]:
    """Rows and a hash over all rows of each table."""
    names = connection.execute(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
        " and relname !~ '^_?yoyo' and relname not in ('partitions', 'lineage', 'month_copies') order by 1"
    ).fetchall()
    found = {}
    for (name,) in names:
        query = sql.SQL("select count(*), md5(string_agg(t::text, E'\\n' order by t::text)) from {} t")
        [found[name]] = connection.execute(query.format(sql.Identifier(name))).fetchall()
    return found


async def _write_until(stop: asyncio.Event, world: World, tenant: str) -> int:
    """Events, claims and top-ups, one after the other."""
    intake = EventIntake(world.as_role("allim_events"), world.publisher, world.clock)
    count = 0
    while not stop.is_set():
        count += 1
        await intake.receive(
            event(tenant, f"load-{count}", customer={"id": f"c-{count}", "name": "김\t\n\\N'\"", "phone": None})
        )
        await world.claim_waiting(tenant)
        async with world.owner.transaction() as connection:
            await top_up(connection, tenant, Decimal(100), key=f"k{count}", reference="r", now=world.clock.now())
    return count


@contextmanager
def _seen_with_the_backup(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], dict[str, Any]]]:
    """Look at the very snapshot that a backup is of, through a session of our own."""
    watcher = psycopg.connect(world.migrated.url)
    begin = begin_snapshot

    async def begin_and_share(connection: Any, parents: Any) -> str:
        snapshot = await begin(connection, parents)
        watcher.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        watcher.execute(sql.SQL("set transaction snapshot {}").format(sql.Literal(snapshot)))
        watcher.execute("select 1")
        return snapshot

    monkeypatch.setattr(backups_module, "begin_snapshot", begin_and_share)
    with watcher:
        yield lambda: _hashes(watcher)


async def test_what_is_restored_is_the_snapshot_however_much_is_written_meanwhile(
    filled: tuple[World, str], bucket: Bucket, empty_database: Migrated, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, tenant = filled
    stop = asyncio.Event()
    writer = asyncio.create_task(_write_until(stop, world, tenant))
    with _seen_with_the_backup(world, monkeypatch) as snapshot:
        manifest = await backups_of(world, bucket).back_up()
        expected = snapshot()
    stop.set()
    written = await writer
    assert world.rows("select count(*) as n from events where id like 'load-%%'")[0]["n"] == written > 0

    target = World(empty_database, world.clock)
    await load(target.owner, bucket, _chosen(world, bucket, "latest"), _ignore, jobs=2)
    with psycopg.connect(empty_database.url) as connection:
        restored = _hashes(connection)
        triggers = connection.execute("select count(*) from pg_trigger where tgenabled <> 'O'").fetchone()
    assert restored == expected
    assert manifest.rows_of_tables == {name: rows for name, (rows, _) in expected.items()}
    assert triggers == (0,)
    await target.close()


async def test_a_restored_system_goes_on_where_it_was(
    filled: tuple[World, str], bucket: Bucket, empty_database: Migrated
) -> None:
    world, tenant = filled
    await backups_of(world, bucket).back_up()
    target = World(empty_database, world.clock)
    await load(target.owner, bucket, _chosen(world, bucket, TODAY), _ignore, jobs=2)
    assert sorted(status for status, _ in target.statuses(tenant)) == ["queued", "sending"]
    assert len(await target.claim_waiting(tenant)) == 1
    target.clock.moment += dt.timedelta(minutes=91)
    async with running("on_reminder_tick", target) as function:
        assert await function.push({}) == 204
    assert len(target.statuses(tenant)) == 3
    with pytest.raises(psycopg.errors.RestrictViolation):
        target.rows("delete from ledger_entries returning id")
    await target.close()


async def test_a_day_has_one_backup_however_often_it_is_tried_and_a_broken_try_is_none(
    filled: tuple[World, str], bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, _ = filled
    with monkeypatch.context() as patch:
        patch.setattr(bucket, "create", _away)
        with pytest.raises(ConnectionError):
            await backups_of(world, bucket).back_up()
    assert len(bucket.names()) > 20
    assert _days(world, bucket) == []
    with pytest.raises(BackupError, match="no_backup"):
        _chosen(world, bucket, "latest")
    first, at_once = await asyncio.gather(backups_of(world, bucket).back_up(), backups_of(world, bucket).back_up())
    assert first == at_once == _chosen(world, bucket, "latest")
    objects = len(bucket.names())
    assert await backups_of(world, bucket).back_up() == first
    assert len(bucket.names()) == objects
    world.clock.moment += dt.timedelta(hours=12, minutes=1)  # 00:01 in Seoul
    assert (await backups_of(world, bucket).back_up()).day == dt.date(2026, 11, 22)
    assert _days(world, bucket) == [dt.date(2026, 11, 22), dt.date(2026, 11, 21)]


async def test_a_table_whose_rows_are_hidden_is_no_backup(filled: tuple[World, str], bucket: Bucket) -> None:
    world, _ = filled
    hidden = {
        "drop policy backup on runs": "runs",
        "create policy hides on messages as restrictive using (false)": "messages, runs",
        "create table by_hand (id int)": "by_hand, messages, runs",
    }
    for how, tables in hidden.items():
        with psycopg.connect(world.migrated.url) as connection:
            connection.execute(how.encode())
        with pytest.raises(BackupError, match=f"hidden_rows: allim_backup is not shown all of {tables}:"):
            await backups_of(world, bucket).back_up()
    assert _days(world, bucket) == []


async def test_what_is_stored_wrongly_is_found_before_it_is_called_a_backup(
    filled: tuple[World, str], bucket: Bucket, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, _ = filled
    read = bucket.read

    def damaged_read(name: str) -> Any:
        if "/templates." in name:
            _replace(storage, "templates", lambda content: content[:-1])
        return read(name)

    monkeypatch.setattr(bucket, "read", damaged_read)
    with pytest.raises(BackupError, match=r"damaged: .*/templates\.copy\.gz is not what was written"):
        await backups_of(world, bucket).back_up()
    assert _days(world, bucket) == []


async def test_the_function_takes_a_backup_once_and_says_what_it_took(
    filled: tuple[World, str], bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, _ = filled
    monkeypatch.setenv("BACKUP_BUCKET", bucket.name)
    async with running("backup", world) as function:
        answers = [(await function.post(b"")) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].json() == answers[1].json()
        assert answers[0].json()["rows"] == _chosen(world, bucket, "latest").rows
    monkeypatch.setattr(Bucket, "content", _away)
    async with running("backup", world) as function:
        assert (await function.post(b"")).status_code == 500


def _replace(storage: Path, table: str, change: Callable[..., bytes]) -> bytes:
    """Change a stored file behind everybody's back; gives what it is now."""
    [file] = storage.glob(f"*{table}.copy.gz.data")
    content = change(file.read_bytes())
    file.write_bytes(content)
    known = Path(str(file).removesuffix(".data") + ".json")
    known.write_text(json.dumps({**json.loads(known.read_text()), "size": str(len(content))}))
    return content


async def _restore(run: Restore, *arguments: str) -> Result:
    """The verb has an event loop of its own."""
    return await asyncio.to_thread(run, *arguments)


async def test_the_verb_restores_into_a_bare_database_and_proves_it(
    filled: tuple[World, str], bucket: Bucket, run: Restore, postgres_url: str
) -> None:
    world, _ = filled
    manifest = await backups_of(world, bucket).back_up()
    [one] = json.loads((await _restore(run, "--list", "--json")).stdout)
    assert (one["day"], one["rows"]) == (TODAY, manifest.rows)
    checked = json.loads((await _restore(run, "latest", "--verify-only", "--json")).stdout)
    assert (checked["verified"], checked["restored"]) == (True, False)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("create database bare")
        into = with_parts(postgres_url, database="bare")
        result = await _restore(run, TODAY, "--into", into, "--jobs", "2", "--json")
        assert result.exit_code == 0, result.output
        told = json.loads(result.stdout)
        assert told["tables"] == manifest.rows_of_tables
        of_messages = [rows for name, rows in told["partitions"].items() if name.startswith("messages_")]
        assert sum(of_messages) == told["tables"]["messages"] > 0
        assert disagreements(Audit(**told["ledger"])) == {}
        assert set(told["broken"].values()) == {0}
        assert (told["waiting"]["tickets"], told["waiting"]["timers"], told["waiting"]["open_dispatches"]) == (1, 1, 1)
        again = await _restore(run, TODAY, "--into", into)
        assert (again.exit_code, "error: not_empty: there are rows in" in again.stderr) == (1, True)
        connection.execute("drop database bare with (force)")


async def test_no_proof_of_a_month_is_taken_at_its_word_in_a_database_that_counts_changes_anew(
    filled: tuple[World, str], bucket: Bucket, empty_database: Migrated
) -> None:
    world, _ = filled
    with psycopg.connect(world.migrated.url) as connection:
        connection.execute("select months.close(months.start_of(until) + interval '7 days') from partitions")
    assert (await prove_and_audit(world.owner, world.clock)).audits
    assert len(world.rows("select id from month_proofs")) == 2
    manifest = await backups_of(world, bucket).back_up()
    target = World(empty_database, world.clock)
    await load(target.owner, bucket, manifest, _ignore, jobs=2)
    assert target.rows("select id from month_proofs") == []
    assert disagreements(await audit(target.owner)) == {}
    await target.close()


async def test_damage_is_found_before_a_row_is_written_and_only_an_owner_writes(
    filled: tuple[World, str],
    bucket: Bucket,
    storage: Path,
    run: Restore,
    empty_database: Migrated,
) -> None:
    world, _ = filled
    await backups_of(world, bucket).back_up()
    whole = _replace(storage, "customers", lambda content: content)
    other = gzip.compress(gzip.decompress(whole).replace("홍길동".encode(), "홍길순".encode()))
    for damage in (whole[:-9], whole[:50] + b"\x00" + whole[51:], b"", other):
        _replace(storage, "customers", lambda _, damage=damage: damage)
        result = await _restore(run, "--into", empty_database.url)
        assert (result.exit_code, "damaged" in result.stderr) == (1, True), result.output
    _replace(storage, "customers", lambda _: whole)
    refused = await _restore(run, "--into", empty_database.role_url("allim_backup"))
    assert (refused.exit_code, "error: not_restored: the database refused it" in refused.stderr) == (1, True)
    with psycopg.connect(empty_database.url) as connection:
        assert connection.execute("select count(*) from tenants").fetchone() == (0,)


async def test_another_schema_and_a_lost_row_are_refused_and_nothing_is_kept(
    filled: tuple[World, str], bucket: Bucket, empty_database: Migrated
) -> None:
    world, _ = filled
    manifest = await backups_of(world, bucket).back_up()
    await verify(bucket, manifest, _ignore, jobs=2)
    target = World(empty_database, world.clock)
    newer = manifest.model_copy(update={"migrations": (*manifest.migrations, "0099_later")})
    with pytest.raises(BackupError, match="other_schema: it lacks 0099_later and has nothing"):
        await load(target.owner, bucket, newer, _ignore, jobs=2)
    fewer = manifest.model_copy(update={"tables": manifest.tables[1:]})
    with pytest.raises(BackupError, match="other_schema"):
        await load(target.owner, bucket, fewer, _ignore, jobs=2)
    wrong = [file.model_copy(update={"rows": 7}) if file.table == "timers" else file for file in manifest.tables]
    with pytest.raises(BackupError, match="damaged"):
        await load(target.owner, bucket, manifest.model_copy(update={"tables": tuple(wrong)}), _ignore, jobs=2)
    assert target.rows("select 1 from tenants") == []
    target.rows("insert into tenants (id, name) values ('later', 'x') returning id")
    assert len(target.rows("select 1 from credit_accounts")) == 1
    await target.close()


async def test_the_role_of_backups_reads_everything_and_writes_nothing(filled: tuple[World, str]) -> None:
    world, _ = filled
    with psycopg.connect(world.migrated.role_url("allim_backup")) as connection:
        assert _hashes(connection) == _hashes(psycopg.connect(world.migrated.url))
    with psycopg.connect(world.migrated.url) as connection:
        sequences = connection.execute("select count(*) from pg_sequences where schemaname = 'public'").fetchone()
    assert sequences == (0,), "a backup does not hold where a sequence is"


def test_an_object_of_many_chunks_comes_back_as_it_was_and_is_never_overwritten(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buckets, "CHUNK_BYTES", 256 * 1024)
    content = bytes(range(256)) * 4_001
    for start in (0, 1):
        file = bucket.write("folder/한글 name")
        file.write(content[start:])
        if start == 0:
            assert bucket.names() == []
            file.close()
        else:
            with pytest.raises(InvalidResponse, match="412"):
                file.close()
    with bucket.read("folder/한글 name") as file:
        assert file.read() == content
    assert bucket.names() == ["folder/한글 name"]
    assert bucket.content("none", 9) is None
    assert [bucket.create("small", b"{}"), bucket.create("small", b"[]")] == [True, False]
    assert [bucket.content("small", most) for most in (9, 2, 1)] == [b"{}", b"{}", b"{"]


def test_what_the_verb_needs_is_said(run: Restore, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run().exit_code == 2
    assert run("--list").stdout == "no backups in allim-backups\n"
    assert "error: no_backup" in run("latest", "--verify-only").stderr
    assert "error: bad_name" in run("yesterday", "--verify-only").stderr
    monkeypatch.delenv("BACKUP_BUCKET")
    assert "error: no_bucket:" in run("--list").stderr
    assert "$ allim restore" in run("--help").stdout

"""Who can write into the bucket, and has no key, makes no backup, hides none and stops nothing."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from shared.operations.backups.backups import MANIFESTS_A_DAY
from shared.operations.backups.judging import choose
from shared.operations.backups.manifest import BackupError, Manifest, manifest_name, signed
from shared.operations.backups.restoring import find_backups
from shared.operations.backups.signing import SigningKeys
from shared.platform.buckets import Bucket
from tests.databases import Migrated
from tests.endpoints import running
from tests.operations.backups.conftest import TODAY, Restore, backups_of, remove
from tests.world import BACKUP_KEYS, World

DAY = dt.timedelta(days=1)
THIEF = SigningKeys([bytes(32)])


def _unsigned(content: bytes) -> bytes:
    """As a backup was before backups were signed."""
    return json.dumps(
        {name: value for name, value in json.loads(content).items() if name not in ("signature", "bucket")}
    ).encode()


def _on(manifest: Manifest, day: dt.date) -> bytes:
    """A manifest with the files of another day, as of a day."""
    text = signed(manifest, THIEF).decode().replace(manifest.day.isoformat(), day.isoformat())
    return json.dumps({name: value for name, value in json.loads(text).items() if name != "signature"}).encode()


def _swap(storage: Path, pattern: str) -> None:
    first, second = storage.glob(pattern)
    contents = first.read_bytes(), second.read_bytes()
    second.write_bytes(contents[0])
    first.write_bytes(contents[1])


async def _told(run: Restore, *arguments: str) -> list[dict[str, Any]]:
    result = await asyncio.to_thread(run, *arguments, "--json")
    assert result.exit_code == 0, result.output
    told: list[dict[str, Any]] = json.loads(result.stdout)
    return told


async def test_what_others_put_into_the_bucket_is_listed_with_its_reason_and_the_latest_is_ours(
    filled: tuple[World, str], bucket: Bucket, run: Restore
) -> None:
    world, _ = filled
    manifest = await backups_of(world, bucket).back_up()
    ours = bucket.content(manifest_name(manifest.day), 1_000_000)
    assert ours is not None
    for name, content in {
        "2099-01-01/manifest.json": _on(manifest, dt.date(2099, 1, 1)),
        "2026-11-20/manifest.json": ours,
        "2026-11-19/manifest.json": _on(manifest, dt.date(2026, 11, 19)),
        "2026-11-18/manifest.json": b"{",
        f"{TODAY}/manifest-1.json": _unsigned(ours),
        f"{TODAY}/manifest-2.json": signed(manifest, THIEF),
        f"{TODAY}/manifest-3.json": ours.replace(b'"rows": ', b'"rows": 1'),
        "junk/manifest.json": ours,
        "junk": b"",
    }.items():
        assert bucket.create(name, content)
    found = {one["name"]: one for one in await _told(run, "--list")}
    assert {name: one["state"] for name, one in found.items()} == {
        "2099-01-01/manifest.json": "future",
        f"{TODAY}/manifest.json": "signed",
        f"{TODAY}/manifest-1.json": "unsigned",
        f"{TODAY}/manifest-2.json": "unverified",
        f"{TODAY}/manifest-3.json": "forged",
        "2026-11-20/manifest.json": "forged",
        "2026-11-19/manifest.json": "unsigned",
        "2026-11-18/manifest.json": "unreadable",
        "junk/manifest.json": "unreadable",
    }
    assert all(one["reason"] and one["reason_ko"] for one in found.values() if one["state"] != "signed")
    assert (found[f"{TODAY}/manifest.json"]["key"], found["junk/manifest.json"]["rows"]) == (BACKUP_KEYS.signing, None)
    shown = await asyncio.to_thread(run, "--list")
    assert all(
        state in shown.stdout for state in ("signed", "unsigned", "unverified", "forged", "future", "unreadable")
    )
    for named in ("latest", TODAY):
        checked = await asyncio.to_thread(run, named, "--verify-only", "--json")
        assert (checked.exit_code, json.loads(checked.stdout)["day"]) == (0, TODAY)
    for day, code in {"2099-01-01": "future_backup", "2026-11-20": "forged_backup", "2026-11-18": "damaged"}.items():
        refused = await asyncio.to_thread(run, day, "--verify-only", "--unsigned")
        assert (refused.exit_code, f"error: {code}: " in refused.stderr) == (1, True), refused.stderr


async def test_an_unsigned_backup_is_restored_only_when_that_is_asked_for(
    filled: tuple[World, str], bucket: Bucket, storage: Path, run: Restore, empty_database: Migrated
) -> None:
    world, _ = filled
    manifest = await backups_of(world, bucket).back_up()
    content = bucket.content(manifest_name(manifest.day), 1_000_000)
    assert content is not None
    remove(storage, "*manifest.json*")
    assert bucket.create(manifest_name(manifest.day), _unsigned(content))
    for arguments, code in {(TODAY,): "unsigned_backup", (): "no_backup"}.items():
        refused = await asyncio.to_thread(run, *arguments, "--into", empty_database.url)
        assert (refused.exit_code, f"error: {code}: " in refused.stderr) == (1, True), refused.output
    assert (await asyncio.to_thread(run, "latest", "--unsigned", "--verify-only")).exit_code == 2
    with psycopg.connect(empty_database.url) as connection:
        assert connection.execute("select count(*) from tenants").fetchone() == (0,)
    restored = await asyncio.to_thread(run, TODAY, "--unsigned", "--into", empty_database.url)
    assert restored.exit_code == 0, restored.output


async def test_files_that_were_swapped_between_two_days_are_found(
    filled: tuple[World, str], bucket: Bucket, storage: Path, run: Restore
) -> None:
    world, _ = filled
    await backups_of(world, bucket).back_up()
    world.rows("update customers set name = '홍길순'")
    world.clock.moment += DAY
    await backups_of(world, bucket).back_up()
    _swap(storage, "*customers.copy.gz.data")
    refused = await asyncio.to_thread(run, TODAY, "--verify-only")
    assert (refused.exit_code, "error: damaged: " in refused.stderr) == (1, True), refused.output


async def test_a_manifest_in_todays_place_that_is_not_ours_is_not_taken_for_todays_backup(
    filled: tuple[World, str], bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, _ = filled
    day = dt.date.fromisoformat(TODAY)
    assert bucket.create(manifest_name(day), b'{"day": "2026-11-21"}')
    monkeypatch.setenv("BACKUP_BUCKET", bucket.name)
    async with running("backup", world) as function:
        answers = [await function.post(b"") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    found = find_backups(bucket, BACKUP_KEYS, world.clock.now())
    assert sorted((one.name, one.state.value) for one in found) == [
        (manifest_name(day, 1), "signed"),
        (manifest_name(day), "unreadable"),
    ]
    assert choose(found, "latest", unsigned=False).rows == answers[0].json()["rows"]


async def test_when_every_place_is_taken_that_is_no_backup(
    filled: tuple[World, str], bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, _ = filled
    for number in range(MANIFESTS_A_DAY):
        bucket.create(manifest_name(dt.date.fromisoformat(TODAY), number), b"{}")
    with pytest.raises(BackupError, match="no_place"):
        await backups_of(world, bucket).back_up()
    monkeypatch.setenv("BACKUP_BUCKET", bucket.name)
    async with running("backup", world) as function:
        assert (await function.post(b"")).status_code == 500


async def test_a_copy_in_another_bucket_is_ours_when_it_is_said_whose_it_is(
    filled: tuple[World, str], bucket: Bucket, run: Restore
) -> None:
    world, _ = filled
    manifest = await backups_of(world, bucket).back_up()
    other = manifest.model_copy(update={"bucket": "elsewhere-backups"})
    assert bucket.create(manifest_name(manifest.day, 1), signed(other, BACKUP_KEYS))
    states = {one["name"]: one["state"] for one in await _told(run, "--list", "--copy-of", "elsewhere-backups")}
    assert states == {manifest_name(manifest.day): "forged", manifest_name(manifest.day, 1): "signed"}

"""`allim senders`: numbers that texts leave from."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.databases import Migrated
from tests.world import World


@pytest.fixture
async def tenant(database: Migrated, world: World, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DATABASE_URL", database.url)
    return await world.tenant()


async def _told(run: Run, database: Migrated, *arguments: object) -> Any:
    done = await asyncio.to_thread(run, "senders", *arguments, "--json", "--database-url", database.url)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


async def test_a_number_is_added_verified_capped_and_removed(run: Run, database: Migrated, tenant: str) -> None:
    number = "15881588"
    added = {"tenant": tenant, "number": number, "state": "registered", "changed": True}
    assert await _told(run, database, "add", tenant, number) == added
    assert (await _told(run, database, "add", tenant, number))["changed"] is False
    [first, second] = await _told(run, database, "list", tenant)
    assert (first["number"], first["accounts"], first["verified_how"]) == ("021234567", ["main"], "account")
    assert (second["verified_at"], second["daily_cap"], second["used"]) == (None, None, 0)
    await _told(run, database, "verify", tenant, number, "--how", "이용증명원")
    assert (await _told(run, database, "cap", tenant, number, "--per-day", 500))["state"] == "capped"
    [_, second] = await _told(run, database, "list", tenant)
    assert (second["verified_how"], second["daily_cap"]) == ("이용증명원", 500)
    assert (await _told(run, database, "cap", tenant, number, "--no-cap"))["state"] == "uncapped"
    assert (await _told(run, database, "remove", tenant, number))["state"] == "removed"
    assert len(await _told(run, database, "list")) == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("add", "TENANT", "02-1234"), "bad_sender"),
        (("verify", "TENANT", "15881588", "--how", "x"), "unknown_number"),
        (("verify", "TENANT", "021234567", "--how", " "), "bad_how"),
        (("cap", "TENANT", "021234567", "--per-day", "0"), "bad_cap"),
        (("cap", "TENANT", "15881588", "--no-cap"), "unknown_number"),
        (("remove", "TENANT", "15881588"), "unknown_number"),
        (("add", "nobody", "15881588"), "unknown_tenant"),
    ],
    ids=["no number", "verify unknown", "no how", "no cap", "cap unknown", "remove unknown", "no tenant"],
)
async def test_what_is_wrong_is_said_with_its_code(
    run: Run, database: Migrated, tenant: str, arguments: tuple[str, ...], code: str
) -> None:
    named = [tenant if each == "TENANT" else each for each in arguments]
    done = await asyncio.to_thread(run, "senders", *named, "--database-url", database.url)
    assert (done.exit_code, code in done.output) == (1, True), done.output

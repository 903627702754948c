"""How much of provider_webhook anybody can use up, and how little is behind it."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest

from shared.messages.reports.webhooks import LETTERS_AN_HOUR, MAX_WEBHOOK_BYTES, REMEMBER_FOR
from shared.platform.doors import misses
from shared.providers import ProviderAccount
from shared.tenants.accounts import fill_in_digests, register_account
from tests.endpoints import Endpoint, running
from tests.world import KEYS, World

RIGHT = hashlib.sha1(b"hook", usedforsecurity=False).hexdigest()
HOUR = dt.timedelta(hours=1)


@pytest.fixture
async def function(world: World) -> AsyncIterator[Endpoint]:
    async with running("provider_webhook", world) as endpoint:
        yield endpoint


def _good() -> dict[str, Any]:
    fields = {"allim": f"{uuid4()}/0/alimtalk"}
    return {"messageId": "M", "groupId": "G", "statusCode": "4000", "statusMessage": "", "customFields": fields}


async def _call(
    function: Endpoint, tenant: str, entries: Any = (), *, secret: str = RIGHT, account: str = "main", source: str = ""
) -> httpx.Response:
    headers = {"x-solapi-secret": secret} | ({"x-forwarded-for": source} if source else {})
    path = f"/solapi/{tenant}/{account}"
    return await function.client.post(path, content=orjson.dumps(list(entries)), headers=headers)


@pytest.mark.parametrize("wrong", ["secret", "account", "tenant"])
async def test_who_does_not_know_the_secret_is_answered_before_a_byte_is_read(
    function: Endpoint, world: World, wrong: str
) -> None:
    tenant = await world.tenant()
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(3):
            read += 1
            yield b"[" + b" " * (MAX_WEBHOOK_BYTES // 4)

    path = f"/solapi/{'nobody' if wrong == 'tenant' else tenant}/{'other' if wrong == 'account' else 'main'}"
    headers = {"x-solapi-secret": "wrong" if wrong == "secret" else RIGHT}
    answer = await function.client.post(path, content=body(), headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")
    assert answer.headers["connection"] == "close"
    assert read == 0


async def test_an_account_from_before_digests_is_told_to_call_again_until_its_is_filled_in(
    function: Endpoint, world: World
) -> None:
    tenant, without = await world.tenant(), await world.tenant(webhook=None)
    unreadable = await world.tenant()
    for each in (tenant, without, unreadable):  # as the migration leaves them
        world.rows("delete from webhook_secrets where tenant = %s", each)
        world.rows("insert into webhook_secrets (tenant, account, provider) values (%s, 'main', 'solapi')", each)
    world.rows("update provider_accounts set credentials = 'damaged' where tenant = %s", unreadable)
    answer = await _call(function, tenant)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "secret_not_filled_in")
    for _ in range(2):
        assert await fill_in_digests(world.owner, KEYS) == 1
    world.clock.advance(REMEMBER_FOR.total_seconds() + 1)
    assert (await _call(function, tenant)).status_code == 200
    assert (await _call(function, tenant, secret="wrong")).status_code == 401
    assert (await _call(function, without)).status_code == 401
    assert (await _call(function, unreadable)).status_code == 503


async def test_a_new_secret_takes_the_place_of_the_old_one(function: Endpoint, world: World) -> None:
    tenant = await world.tenant()
    assert (await _call(function, tenant)).status_code == 200
    secrets = {"api_key": f"key of {tenant}", "api_secret": "secret", "webhook_secret": "newer"}
    async with world.owner.transaction() as connection:
        account = ProviderAccount(tenant, "main", "solapi", "021234567", "pf", secrets)
        await register_account(connection, KEYS, account, now=world.clock.now())
    world.clock.advance(REMEMBER_FOR.total_seconds() + 1)
    assert (await _call(function, tenant)).status_code == 401
    newer = hashlib.sha1(b"newer", usedforsecurity=False).hexdigest()
    assert (await _call(function, tenant, secret=newer)).status_code == 200


async def test_what_the_door_can_read_opens_nothing_and_looks_alike_for_no_two_accounts(world: World) -> None:
    tenants = [await world.tenant() for _ in range(2)]
    async with world.as_role("allim_webhook").connection() as connection:
        cursor = await connection.execute(b"select * from webhook_secrets where tenant = any(%s)", [tenants])
        found = await cursor.fetchall()
    assert len({row["digest"] for row in found}) == 2
    for row in found:
        assert not {RIGHT, "hook", RIGHT.encode(), b"hook", bytes.fromhex(RIGHT)} & set(row.values())


async def test_who_guesses_accounts_is_soon_told_to_wait_and_stops_nobody_else(
    function: Endpoint, world: World
) -> None:
    tenant, fresh = await world.tenant(), await world.tenant()
    assert (await _call(function, tenant, source="198.51.100.7")).status_code == 200
    for number in range(misses.OF_ONE_SOURCE):
        answer = await _call(function, tenant, account=f"guess-{number}", source=f"1.2.3.{number}, 198.51.100.7")
        assert answer.status_code == 401
    answer = await _call(function, tenant, account="one-more", source="198.51.100.7")
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "too_many_calls")
    assert (await _call(function, tenant, source="198.51.100.7")).status_code == 200, "a known account"
    assert (await _call(function, fresh, source="203.0.113.9")).status_code == 200, "another source"
    assert (await _call(function, tenant, account="guess-1", source="198.51.100.7")).status_code == 401, "known as none"
    world.clock.advance(misses.EVERY.total_seconds())
    assert (await _call(function, tenant, account="one-more", source="198.51.100.7")).status_code == 401


async def test_an_account_that_was_there_is_found_again_however_many_sources_guess(
    function: Endpoint, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant, never_seen = await world.tenant(), await world.tenant()
    monkeypatch.setattr(misses, "OF_ALL", 5)
    assert (await _call(function, tenant, source="203.0.113.9")).status_code == 200
    for number in range(misses.OF_ALL):
        await _call(function, tenant, account=f"guess-{number}", source=f"198.51.100.{number}")
    world.clock.advance(REMEMBER_FOR.total_seconds() + 1)
    assert (await _call(function, never_seen, source="203.0.113.9")).status_code == 429
    assert (await _call(function, tenant, source="203.0.113.9")).status_code == 200


@pytest.mark.parametrize("account", ["a" * 41, "x" * 8_000, "Main", "계정", "a%00", "a%ff", "-", "%20main"])
async def test_what_can_be_no_name_is_neither_looked_up_nor_remembered(
    function: Endpoint, world: World, account: str
) -> None:
    tenant = await world.tenant()
    for number in range(misses.OF_ONE_SOURCE + 1):
        answer = await _call(function, tenant, account=account + str(number), source="198.51.100.7")
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")
    assert (await _call(function, tenant, source="198.51.100.7")).status_code == 200


async def test_an_account_fills_the_dead_letters_so_far_and_no_further(
    function: Endpoint, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    noisy, quiet = await world.tenant(), await world.tenant()
    for _ in range(3):
        good = _good()
        assert (await _call(function, noisy, [7] * 150 + [good])).status_code == 200
    reports = [report["message"] for _, batch in world.publisher.published for report in batch["reports"]]
    assert len(reports) == 3, "what is understood is taken all the same"
    reasons = [reason for reason, _ in world.dead_letters(noisy)]
    assert (reasons.count("malformed"), reasons.count("too_many_malformed")) == (LETTERS_AN_HOUR, 1)
    [counted] = world.rows("select number from door_counts where source = %s", f"{noisy}/main")
    assert counted["number"] == 450
    assert (await _call(function, quiet, [7])).status_code == 400
    assert [reason for reason, _ in world.dead_letters(quiet)] == ["malformed"]
    world.clock.advance(HOUR.total_seconds())
    assert (await _call(function, noisy, [7])).status_code == 400
    assert len(world.dead_letters(noisy)) == LETTERS_AN_HOUR + 2
    assert world.rows("select 1 from door_counts where since < %s", world.clock.now() - HOUR) == []


async def test_a_call_of_a_million_nothings_is_one_letter(function: Endpoint, world: World) -> None:
    tenant = await world.tenant()
    body = b"[" + b"1," * 1_000_000 + b"1]"
    answer = await function.client.post(f"/solapi/{tenant}/main", content=body, headers={"x-solapi-secret": RIGHT})
    assert answer.status_code == 400
    assert len(world.dead_letters(tenant)) == 1

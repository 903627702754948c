"""`allim providers`: how accounts at providers are."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shared.messages.dispatch.health.health_store import Tally, count, follow
from shared.messages.dispatch.health.rules import NO_CALLS, judged
from tests.cli.conftest import Run
from tests.clock import NOON, instead_of_the_wall_clock
from tests.databases import Migrated
from tests.world import World


@pytest.fixture
async def tenants(
    database: Migrated, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[list[str]]:
    """Two tenants that send by the same account at SOLAPI, in a database as in the cloud."""
    monkeypatch.setenv("ALLIM_HOME", str(tmp_path / "nothing-is-up-here"))
    monkeypatch.setenv("DATABASE_URL", database.url)
    with instead_of_the_wall_clock(world.clock):
        yield [await world.tenant(api_key="shared"), await world.tenant(api_key="shared")]


async def providers(run: Run, *more: str) -> list[dict[str, Any]]:
    told = await asyncio.to_thread(run, "providers", *more, "--json")
    assert told.exit_code == 0, told.output
    found: list[dict[str, Any]] = json.loads(told.stdout)["providers"]
    return found


async def calls(world: World, tenant: str, *, failed: int = 0, well: int = 0) -> None:
    """Calls of 60 ms by a tenant's account, and what follows from them."""
    latencies = [0] * len(NO_CALLS)
    latencies[4] = failed + well
    async with world.owner.connection() as connection:
        known = await count(
            connection,
            Tally(tenant, "main", latencies, failed, failed, well > 0, "503: away" if failed else None),
            NOON,
        )
        assert known is not None
        follows = judged(known.health, NOON)
        assert follows is known.health or await follow(connection, known, follows)


async def test_of_an_account_that_nothing_was_sent_by_there_is_nothing_to_tell(run: Run, tenants: list[str]) -> None:
    [one] = await providers(run, "--tenant", tenants[0])
    assert (one["provider"], one["account"], one["tenant"], one["tenants"]) == ("solapi", "main", tenants[0], tenants)
    assert (one["breaker"], one["weight"], one["effective_weight"]) == ("closed", 100, 100)
    assert (one["calls"], one["error_rate"], one["p95_ms"], one["last_error"]) == (0, 0, None, None)
    assert one["channels"] == ["alimtalk", "sms", "mms", "brand"]


async def test_the_calls_of_one_tenant_are_those_of_all_who_send_by_the_account(
    run: Run, world: World, tenants: list[str]
) -> None:
    await calls(world, tenants[0], well=18, failed=2)
    for one in await providers(run):
        assert (one["calls"], one["error_rate"], one["breaker"]) == (20, 0.1, "closed")
        assert 50 < one["p95_ms"] <= 75
    shown = (await asyncio.to_thread(run, "providers")).stdout
    assert "10%" in shown
    assert "closed" in shown


async def test_an_open_breaker_is_told_with_the_last_error(run: Run, world: World, tenants: list[str]) -> None:
    await calls(world, tenants[1], failed=5)
    [one] = await providers(run, "--tenant", tenants[0])
    assert (one["breaker"], one["effective_weight"], one["weight"]) == ("open", 0, 100)
    assert one["last_error"] == "503: away"
    assert dt.datetime.fromisoformat(one["since"]) == NOON
    shown = await asyncio.to_thread(run, "providers", "--tenant", tenants[0])
    assert f"{tenants[0]}/main: 503: away" in shown.stdout + shown.stderr


def test_a_tenant_that_there_is_not_is_refused(run: Run, tenants: list[str]) -> None:
    assert run("providers", "--tenant", "nobody").exit_code == 1

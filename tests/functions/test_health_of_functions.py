"""What the internet calls says whether its database answers: one that froze must not look well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext

import pytest
from psycopg.conninfo import conninfo_to_dict

from local.postgres import with_parts
from shared.operations.health import reading
from shared.platform.database import patience, pulse
from tests.databases import Migrated
from tests.endpoints import Endpoint, running
from tests.tcp_proxy import TcpProxy, proxy_to
from tests.world import World

CAP_SECONDS = 60
"""Nothing here may hang; how long it takes is not looked at."""

WEBHOOKS = ["payment_webhook", "provider_webhook"]


@asynccontextmanager
async def behind_a_proxy(name: str, world: World) -> AsyncIterator[tuple[Endpoint, TcpProxy]]:
    """The function `name`, and what is between it and its database."""
    with proxy_to(int(conninfo_to_dict(world.migrated.url)["port"] or 0)) as proxy:
        there = world.migrated
        world.migrated = Migrated(with_parts(there.url, port=proxy.port))
        try:
            async with asyncio.timeout(CAP_SECONDS), running(name, world) as function:
                yield function, proxy
        finally:
            world.migrated = there


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is, a database that answers is waited for."""
    monkeypatch.setattr(pulse, "PATIENCE_SECONDS", CAP_SECONDS)
    monkeypatch.setattr(reading, "PATIENCE_WITH_DATABASE_SECONDS", CAP_SECONDS)


@contextmanager
def frozen(proxy: TcpProxy) -> Iterator[None]:
    """The database answers nobody for as long as the block lasts, and nobody waits long for that."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pulse, "PATIENCE_SECONDS", 0.2)
        patch.setattr(reading, "PATIENCE_WITH_DATABASE_SECONDS", 0.2)
        patch.setattr(patience, "CANCEL_SECONDS", 0.2)
        proxy.freeze(new_ones_too=True)
        yield
    proxy.let_new_ones_flow()
    proxy.reset_connections()


@pytest.mark.parametrize("name", WEBHOOKS)
async def test_a_webhook_is_well_while_its_database_answers(world: World, name: str) -> None:
    async with behind_a_proxy(name, world) as (function, proxy):
        answer = await function.client.get("/health")
        assert (answer.status_code, answer.json()) == (200, {"database": "answers"})
        assert answer.headers["cache-control"] == "no-store"

        with frozen(proxy):
            world.clock.advance(pulse.REMEMBERED.total_seconds())
            answer = await function.client.get("/health")
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "database_away")

        while answer.status_code != 200:
            world.clock.advance(pulse.REMEMBERED.total_seconds())
            answer = await function.client.get("/health")


@pytest.mark.parametrize("freezes", [False, True])
async def test_however_many_ask_the_database_is_asked_once_in_a_while(
    world: World, freezes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat = pulse.Pulse._ask
    asked: list[object] = []

    async def count(felt: pulse.Pulse) -> bool:
        asked.append(felt)
        return await beat(felt)

    monkeypatch.setattr(pulse.Pulse, "_ask", count)
    async with behind_a_proxy("provider_webhook", world) as (function, proxy):
        with frozen(proxy) if freezes else nullcontext():
            for _ in range(2):
                answers = await asyncio.gather(*(function.client.get("/health") for _ in range(50)))
                assert {answer.status_code for answer in answers} == {503 if freezes else 200}
            assert len(asked) == 1


@pytest.mark.parametrize("name", WEBHOOKS)
@pytest.mark.parametrize(("method", "path"), [("POST", "/health"), ("GET", "/health/"), ("GET", "/")])
async def test_all_else_is_the_webhooks_own_matter(world: World, name: str, method: str, path: str) -> None:
    async with running(name, world) as function:
        answer = await function.client.request(method, path)
    assert answer.status_code in ((400, 401) if method == "POST" else (405,))


async def test_the_function_health_says_503_of_a_frozen_database(world: World) -> None:
    async with behind_a_proxy("health", world) as (function, proxy):
        assert len((await function.client.get("/")).json()["checks"]) > 1
        with frozen(proxy):
            answer = await function.client.get("/")
        assert answer.status_code == 503
        [check] = answer.json()["checks"]
        assert (check["name"], check["state"]) == ("database", "fail")

"""Callers who take their time, or go away, at functions as they are served: by functions-framework, over sockets."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import pytest

from local.functions import HEALTH_PATH, ROLE_OF, command
from local.home import CHECKOUT
from local.process import free_ports
from shared.platform.doors import bodies
from tests.world import World

CAP_SECONDS = 120
"""Nothing here may hang; how long it takes is not looked at."""

MANY = 150
PROOF_OF_HOOK = hashlib.sha1(b"hook", usedforsecurity=False).hexdigest()


@dataclass
class Call:
    """A call on a connection of its own, as far as it was written."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def status(self) -> int:
        """What it is answered, whenever that comes."""
        return int((await self.reader.readline()).split()[1])

    async def is_ended(self) -> bool:
        """Whether the server closes the connection."""
        try:
            while await self.reader.read(10_000):
                pass
        except ConnectionError:
            pass
        return True


@dataclass
class Served:
    """A function that listens. `log`: all that it says."""

    port: int
    log: Path

    @asynccontextmanager
    async def calling(self, path: str, body: bytes, *, declared: int, **headers: str) -> AsyncIterator[Call]:
        """Begin a call whose body is to have `declared` bytes, and send what there is of it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        named = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        writer.write(f"POST {path} HTTP/1.1\r\nhost: f\r\ncontent-length: {declared}\r\n{named}\r\n".encode() + body)
        await writer.drain()
        try:
            yield Call(reader, writer)
        finally:
            writer.transport.abort()

    async def status(self, path: str, body: bytes, **headers: str) -> int:
        """Call, and be answered."""
        async with self.calling(path, body, declared=len(body), **headers) as call:
            return await call.status()


@asynccontextmanager
async def serving(name: str, world: World, folder: Path) -> AsyncIterator[Served]:
    [port] = free_ports(1)
    served = Served(port, folder / f"{name}.log")
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(CHECKOUT),
        "DATABASE_URL": world.migrated.role_url(ROLE_OF[name]),
        "GOOGLE_CLOUD_PROJECT": "tests",
    }
    with served.log.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command(name, port), cwd=CHECKOUT, env=environment, stdout=log, stderr=log
        )
    try:
        await _until(lambda: _answers(served))
        yield served
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    for pause in repeat(0.1):
        if await holds():
            return
        await asyncio.sleep(pause)


async def _answers(served: Served) -> bool:
    try:
        return await served.status(HEALTH_PATH, b"") < 500
    except (OSError, IndexError):
        return False


async def _ended(calls: Sequence[Call], at_least: int) -> list[int]:
    """What calls were answered, once so many of them were."""
    waiting = [asyncio.create_task(call.status()) for call in calls]
    while sum(task.done() for task in waiting) < at_least:
        await asyncio.wait(waiting, timeout=1, return_when=asyncio.FIRST_COMPLETED)
    answers = [task.result() for task in waiting if task.done()]
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    return answers


@pytest.fixture(autouse=True)
async def capped() -> AsyncIterator[None]:
    async with asyncio.timeout(CAP_SECONDS):
        yield


async def test_bodies_that_never_end_hold_a_few_places_and_nobody_else_up(world: World, tmp_path: Path) -> None:
    async with serving("payment_webhook", world, tmp_path) as function, AsyncExitStack() as stack:
        slow = [
            await stack.enter_async_context(function.calling("/", b"{", declared=1_000, x_forwarded_for="198.51.100.7"))
            for _ in range(MANY)
        ]
        assert set(await _ended(slow[: -bodies.OF_ONE_SOURCE], MANY - bodies.OF_ONE_SOURCE)) == {408}
        unknown = b'{"eventType": "X", "data": {"orderId": "saas_abcdef"}}'
        for source in ("198.51.100.7", "203.0.113.9"):
            assert await function.status("/", unknown, x_forwarded_for=source) == 404
        assert set(await _ended(slow[-bodies.OF_ONE_SOURCE :], bodies.OF_ONE_SOURCE)) == {408}
        assert all([await call.is_ended() for call in slow])
    assert "Traceback" not in function.log.read_text()


async def test_many_sources_hold_no_more_than_all_places_and_nobody_else_up(world: World, tmp_path: Path) -> None:
    async with serving("payment_webhook", world, tmp_path) as function, AsyncExitStack() as stack:
        slow = [
            await stack.enter_async_context(
                function.calling("/", b"{", declared=1_000, x_forwarded_for=f"2001:db8:{number:x}::1")
            )
            for number in range(MANY)
        ]
        assert set(await _ended(slow, MANY - bodies.AT_ONCE)) == {408}
        assert await function.status("/", b"{}") == 400
    assert "Traceback" not in function.log.read_text()


@pytest.mark.parametrize("name", ["payment_webhook", "provider_webhook", "on_delivery_callback"])
async def test_a_caller_who_goes_away_leaves_one_line(world: World, tmp_path: Path, name: str) -> None:
    tenant = await world.tenant()
    path = f"/solapi/{tenant}/main" if name == "provider_webhook" else "/"
    async with serving(name, world, tmp_path) as function:
        before = len(function.log.read_text().splitlines())
        for _ in range(3):
            headers = {"x_solapi_secret": PROOF_OF_HOOK}
            async with function.calling(path, b"[", declared=1_000, expect="100-continue", **headers) as call:
                assert await call.status() == 100, "which is said when the body is read"

        async def three_lines() -> bool:
            return function.log.read_text().count("the caller went away") >= 3

        await _until(three_lines)
        told = function.log.read_text()
    assert "Traceback" not in told
    assert len(told.splitlines()) - before == 3, told


async def test_who_does_not_know_the_secret_holds_no_place_at_all(world: World, tmp_path: Path) -> None:
    tenant = await world.tenant()
    async with serving("provider_webhook", world, tmp_path) as function, AsyncExitStack() as stack:
        slow = [
            await stack.enter_async_context(
                function.calling(f"/solapi/{tenant}/main", b"[", declared=1_000, x_solapi_secret="guessed")
            )
            for _ in range(MANY)
        ]
        assert set(await _ended(slow, MANY)) == {401}
        assert await function.status(f"/solapi/{tenant}/main", b"[]", x_solapi_secret=PROOF_OF_HOOK) == 200
        assert all([await call.is_ended() for call in slow])
    assert "Traceback" not in function.log.read_text()

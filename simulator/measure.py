"""What a message costs the simulator, in CPU time: `python -m simulator.measure --messages 50000`.

The simulator shares its machine with the system under test, so its own cost must be known and small. A simulator
runs as a process of its own; messages, AlimTalk and SMS by turns, go through groups, and reports come to a webhook.
The cost of starting is measured by itself and taken off.
"""

import argparse
import asyncio
import hashlib
import hmac
import os
import resource
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from simulator.clock import present
from simulator.fates import Stage, fate_of
from simulator.solapi.accounts import DEFAULT_API_KEY, DEFAULT_API_SECRET

TEMPLATE = {
    "templateId": "KA01TP1",
    "pfId": "PF1",
    "content": "#{이름}님, 오늘 #{시각} 예약 시간을 알려드립니다.\n늦지 않게 와 주세요.",
}

_START_WITHIN = 20


def _signature() -> str:
    date, salt = datetime.fromtimestamp(present(), UTC).isoformat(), os.urandom(16).hex()
    signature = hmac.new(DEFAULT_API_SECRET.encode(), (date + salt).encode(), hashlib.sha256).hexdigest()
    return f"HMAC-SHA256 apiKey={DEFAULT_API_KEY}, date={date}, salt={salt}, signature={signature}"


def _message(number: int) -> dict[str, Any]:
    message = {"to": _recipient(number), "from": "0212345678", "customFields": {"message": f"0197-{number:012d}"}}
    if number % 2:
        return message | {"text": f"[알림] 고객 {number}님, 오늘 15:30 예약 시간을 알려드립니다."}
    variables = {"#{이름}": f"고객 {number}", "#{시각}": "15:30"}
    kakao = {"pfId": "PF1", "templateId": TEMPLATE["templateId"], "variables": variables, "disableSms": True}
    return message | {"type": "ATA", "kakaoOptions": kakao}


def _recipient(number: int) -> str:
    return f"010{number:08d}"


class _Sink:
    """A webhook that takes every report and counts it."""

    def __init__(self, expected: int) -> None:
        self._left = expected
        self.done = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        reports = (await request.read()).count(b'"eventDataId"')
        self._left -= reports
        if self._left <= 0:
            self.done.set()
        return web.Response()


async def _send(url: str, messages: int, group_size: int) -> None:
    async with aiohttp.ClientSession(url) as session:

        async def call(method: str, path: str, body: object = None) -> dict[str, str]:
            content = orjson.dumps(body or {})
            async with session.request(method, path, data=content, headers={"Authorization": _signature()}) as answer:
                answer.raise_for_status()
                return orjson.loads(await answer.read())  # type: ignore[no-any-return]

        for first in range(0, messages, group_size):
            group = (await call("POST", "/messages/v4/groups"))["groupId"]
            batch = [_message(number) for number in range(first, min(first + group_size, messages))]
            await call("PUT", f"/messages/v4/groups/{group}/messages", {"messages": batch})
            await call("POST", f"/messages/v4/groups/{group}/send")


async def _drive(messages: int, group_size: int) -> float:
    """Start a simulator, send through it, stop it. Answers the seconds from the first request to the last report."""
    silent = (Stage.INTAKE, Stage.WAITING)
    sink = _Sink(sum(fate_of(_recipient(number)).stage not in silent for number in range(messages)))
    application = web.Application(client_max_size=1 << 24)
    application.router.add_post("/", sink.take)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    hook = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "simulator", "--port", str(port)]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        await _healthy(url)
        account = {"apiKey": DEFAULT_API_KEY, "apiSecret": DEFAULT_API_SECRET, "templates": [TEMPLATE]}
        async with aiohttp.request("PUT", f"{url}/control/accounts", json=account | {"webhookUrl": hook}) as answer:
            answer.raise_for_status()
        begun = time.perf_counter()
        if messages:
            await _send(url, messages, group_size)
            await sink.done.wait()
        return time.perf_counter() - begun
    finally:
        process.terminate()
        await process.wait()
        await runner.cleanup()


async def _healthy(url: str) -> None:
    deadline = time.monotonic() + _START_WITHIN
    async with aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"{url}/control/health"):
                    return
            except aiohttp.ClientConnectionError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.05)


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure, and write one line a figure."""
    parser = argparse.ArgumentParser(prog="python -m simulator.measure", description=__doc__)
    parser.add_argument("--messages", type=int, default=50_000)
    parser.add_argument("--group", type=int, default=500, help="messages a group")
    options = parser.parse_args()
    asyncio.run(_drive(0, options.group))
    start_cost = _cpu_of_children()
    seconds = asyncio.run(_drive(options.messages, options.group))
    cost = _cpu_of_children() - 2 * start_cost
    sys.stdout.write(
        f"{options.messages} messages in groups of {options.group}, with reports\n"
        f"{cost / options.messages * 1e6:.1f} µs of CPU a message in the simulator\n"
        f"{options.messages / seconds:.0f} messages a second, with the client on the same machine\n"
    )


if __name__ == "__main__":
    main()

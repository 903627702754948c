"""A plain caller of the simulator, and a webhook that remembers what it was told."""

import asyncio
import hashlib
import hmac
import uuid
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

import httpx
import orjson
from aiohttp import web

from simulator.clock import present
from tests.tls import NO_TLS

SENDER = "0212345678"
PATIENCE = 10
"""Seconds that a test waits for a condition before it fails."""

Json = dict[str, Any]


def now_there() -> datetime:
    """What the simulator's clock shows, where it runs without a clock of the test's."""
    return datetime.fromtimestamp(present(), UTC)


def authorization(
    api_key: str, secret: str, date: str | None = None, salt: str | None = None, casing: str = "apiKey={}, date={}"
) -> str:
    """A signed Authorization header, by default of now."""
    date = date or now_there().isoformat()
    salt = salt or uuid.uuid4().hex
    signature = hmac.new(secret.encode(), (date + salt).encode(), hashlib.sha256).hexdigest()
    return f"HMAC-SHA256 {casing.format(api_key, date)}, salt={salt}, signature={signature}"


def sms(to: str, text: str = "예약 안내", **more: Any) -> Json:
    """An entry of `messages`."""
    return {"to": to, "from": SENDER, "text": text, **more}


@dataclass
class Caller:
    """One account's requests, signed; and the control API."""

    http: httpx.AsyncClient
    api_key: str = field(default_factory=lambda: f"NCS{uuid.uuid4().hex[:13].upper()}")
    api_secret: str = field(default_factory=lambda: uuid.uuid4().hex)

    @classmethod
    @asynccontextmanager
    async def to(cls, url: str) -> AsyncIterator[Self]:
        """A caller of the simulator at an address, without an account yet."""
        async with httpx.AsyncClient(base_url=url, timeout=PATIENCE, verify=NO_TLS) as http:
            yield cls(http)

    async def register(self, **account: Any) -> None:
        """Make or change the account."""
        await self.control("PUT", "accounts", {"apiKey": self.api_key, "apiSecret": self.api_secret, **account})

    async def request(self, method: str, path: str, body: Json | None = None, /, **params: Any) -> httpx.Response:
        """A signed request, whatever its answer."""
        headers = {"Authorization": authorization(self.api_key, self.api_secret), "Content-Type": "application/json"}
        content = None if body is None else orjson.dumps(body)
        return await self.http.request(method, path, headers=headers, content=content, params=params)

    async def call(self, method: str, path: str, body: Json | None = None, /, **params: Any) -> Json:
        """A signed request that must be answered with 200."""
        answer = await self.request(method, path, body, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]

    async def control(self, method: str, path: str, body: Json | None = None, /, **params: Any) -> Json:
        """A request to the control API that must be answered with 200."""
        answer = await self.http.request(method, f"/control/{path}", json=body, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]

    async def send(self, *messages: Json, **options: Any) -> Json:
        """Send messages at once."""
        return await self.call("POST", "/messages/v4/send-many/detail", {"messages": list(messages), **options})

    async def group(self, *messages: Json, **options: Any) -> str:
        """The id of a new group that holds messages."""
        group_id: str = (await self.call("POST", "/messages/v4/groups", options))["groupId"]
        if messages:
            await self.call("PUT", f"/messages/v4/groups/{group_id}/messages", {"messages": list(messages)})
        return group_id

    async def accepted(self) -> list[Json]:
        """What the simulator really accepted from this account."""
        found = await self.control("GET", "accepted")
        mine = await self.messages_by_id()
        return [message for message in found["accepted"] if message["messageId"] in mine]

    async def messages_by_id(self, **filters: Any) -> Json:
        """The first page of the message list."""
        found = await self.call("GET", "/messages/v4/list", limit=500, **filters)
        return found["messageList"]  # type: ignore[no-any-return]

    async def only_message(self, **filters: Any) -> Json:
        """The one message that the list shows."""
        [message] = (await self.messages_by_id(**filters)).values()
        return message  # type: ignore[no-any-return]

    async def settled(self, **filters: Any) -> Json:
        """The one message that the list shows, once it has a final status."""
        async with asyncio.timeout(PATIENCE):
            while True:
                message = await self.only_message(**filters)
                if message["statusCode"] not in ("2000", "3000"):
                    return message

    async def wait_for_status(self, code: str, **filters: Any) -> Json:
        """The one message that the list shows, once it has a status."""
        async with asyncio.timeout(PATIENCE):
            while True:
                message = await self.only_message(**filters)
                if message["statusCode"] == code:
                    return message


@dataclass
class Call:
    """One call of the webhook."""

    headers: dict[str, str]
    events: list[Json]


@dataclass
class Inbox:
    """A webhook. It answers 200 unless `answers` has other ideas for its next calls.

    Attributes:
        url: where it listens.
        answers: statuses of the next calls, first to last.
        calls: what it was told, refused calls included.
    """

    url: str = ""
    answers: list[int] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    hold: asyncio.Event | None = None
    most_at_once: int = 0
    _at_once: int = 0
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def events(self) -> list[Json]:
        """All events of all calls, in the order in which they came."""
        return [event for call in self.calls for event in call.events]

    def codes(self) -> list[str]:
        """The reported statuses, in the order in which they came."""
        return [event["data"]["statusCode"] for event in self.events]

    async def until(self, holds: Callable[[Self], bool]) -> None:
        """Wait until something holds."""
        async with asyncio.timeout(PATIENCE), self._changed:
            await self._changed.wait_for(lambda: holds(self))

    async def take(self, request: web.Request) -> web.Response:
        """Answer a call."""
        events = orjson.loads(await request.read())
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        async with self._changed:
            self.calls.append(Call(dict(request.headers), events))
            self._changed.notify_all()
        if self.hold:
            await self.hold.wait()
        self._at_once -= 1
        return web.Response(status=self.answers.pop(0) if self.answers else 200)


@asynccontextmanager
async def open_inbox() -> AsyncIterator[Inbox]:
    """A webhook on a port of its own."""
    inbox = Inbox()
    application = web.Application(client_max_size=1 << 24)
    application.router.add_post("/reports", inbox.take)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    inbox.url = f"http://127.0.0.1:{runner.addresses[0][1]}/reports"
    yield inbox
    await runner.cleanup()


def numbers(count: int) -> Iterable[str]:
    """Recipients whose messages are delivered."""
    return (f"01{index:05d}4000" for index in range(count))

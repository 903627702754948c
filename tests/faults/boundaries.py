"""The boundaries between a process and the world: before and after each statement, commit, provider call and publish.

At each of them a hook is called with the boundary's name. It may end the process, hold it, or let something go wrong.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
from psycopg import AsyncCursor
from psycopg.rows import DictRow

from shared.customers import devices_store
from shared.inbox import store as inbox_store
from shared.messages import store
from shared.messages.dispatch import retries_store, submit_store, sweep_store
from shared.messages.dispatch import store as dispatch_store
from shared.messages.dispatch.fairness import turns_store
from shared.messages.dispatch.health import health_store
from shared.messages.reports import plain_store, poll_store
from shared.messages.reports import store as report_store
from shared.platform.database import Connection, Database
from shared.platform.pubsub import Outgoing, Publisher

Hook = Callable[[str], Awaitable[None]]

STATEMENTS = {
    text: name.lower().removesuffix("_and_count")
    for module in (
        devices_store,
        store,
        dispatch_store,
        health_store,
        inbox_store,
        plain_store,
        poll_store,
        report_store,
        retries_store,
        submit_store,
        sweep_store,
        turns_store,
    )
    for name, text in vars(module).items()
    if name.isupper() and isinstance(text, str)
}
_GROUP = re.compile(r"/groups/[^/]+")


class WatchedDatabase(Database):
    """Another database's connections, each of whose statements and commits is a pair of boundaries.

    Args:
        inner: where the connections come from.
        hook: called at each boundary.
    """

    def __init__(self, inner: Database, hook: Hook) -> None:
        self._inner = inner
        self._hook = hook
        self._cursor = _watched_cursor(hook)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        async with self._inner.connection() as connection:
            connection.cursor_factory = self._cursor
            try:
                yield connection
            finally:
                connection.cursor_factory = AsyncCursor

    @asynccontextmanager
    async def transaction(self, *, tenant: str | None = None) -> AsyncIterator[Connection]:
        async with super().transaction(tenant=tenant) as connection:
            yield connection
            await self._hook("before commit")
        await self._hook("after commit")


def _watched_cursor(hook: Hook) -> type[AsyncCursor[DictRow]]:
    class Cursor(AsyncCursor[DictRow]):
        async def execute(self, query: Any, *arguments: Any, **options: Any) -> Cursor:
            name = STATEMENTS.get(query, "a statement")
            await hook(f"before {name}")
            await super().execute(query, *arguments, **options)
            await hook(f"after {name}")
            return self

    return Cursor


class WatchedTransport(httpx.AsyncBaseTransport):
    """HTTP whose every request is a pair of boundaries, such as `before POST /messages/v4/groups/{group}/send`."""

    def __init__(self, inner: httpx.AsyncBaseTransport, hook: Hook) -> None:
        self._inner = inner
        self._hook = hook

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        name = f"{request.method} {_GROUP.sub('/groups/{group}', request.url.path)}"
        await self._hook(f"before {name}")
        response = await self._inner.handle_async_request(request)
        await response.aread()
        await self._hook(f"after {name}")
        return response


class WatchedPublisher:
    """A publisher whose every call is a pair of boundaries."""

    def __init__(self, inner: Publisher, hook: Hook) -> None:
        self._inner = inner
        self._hook = hook

    async def publish(self, topic: str, messages: Sequence[Outgoing]) -> None:
        await self._hook(f"before publish to {topic}")
        await self._inner.publish(topic, messages)
        await self._hook(f"after publish to {topic}")

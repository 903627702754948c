"""The door of every provider: where latency, errors and dropped connections happen."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from simulator.faults import FaultBoard
from simulator.storage.api import PATHS as STORAGE_PATHS

_CONNECTION = "simulator.connection"
_UNAVAILABLE = 503


class DroppableProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, which lets the application reach the connection in order to drop it."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {_CONNECTION: {"transport": self.transport}}


class Door(NamedTuple):
    """Where a provider is, and how it says that something stands in the way.

    Attributes:
        provider: its name.
        paths: how the paths of its requests begin.
        refusal: the body of an answer, by its status and by a code and a sentence that suit most.
    """

    provider: str
    paths: tuple[str, ...]
    refusal: Callable[[int, str, str], dict[str, Any]]


class Gate:
    """ASGI middleware that applies the faults to everything but the control API, and Cloud Storage: no provider.

    Args:
        app: behind it.
        doors: the providers'; the first one whose paths fit is a request's.
        board: what goes wrong with each.
    """

    def __init__(self, app: ASGIApp, doors: Sequence[Door], board: FaultBoard) -> None:
        self._app = app
        self._doors = doors
        self._board = board

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(("/control/", *STORAGE_PATHS)):
            await self._app(scope, receive, send)
            return
        door = next(door for door in self._doors if scope["path"].startswith(door.paths))
        faults = self._board.of(door.provider)
        request = f"{scope['method']} {scope['path']}"
        if faults.plan.latency_ms:
            await asyncio.sleep(faults.plan.latency_ms / 1000)
        if faults.drops_before(request):
            await _drop(scope, receive)
        elif faults.plan.outage:
            await _answer(send, door, _UNAVAILABLE, "ServiceUnavailable", "Service Unavailable")
        elif faults.is_too_many(request):
            retry_after = faults.plan.retry_after
            headers = [] if retry_after is None else [(b"retry-after", str(retry_after).encode())]
            await _answer(send, door, 429, "TooManyRequests", "Too Many Requests", headers)
        elif faults.errs():
            await _answer(send, door, 500, "InternalServerError", "Internal Server Error")
        elif faults.drops_after(request):
            await self._app(scope, receive, _swallow)
            await _drop(scope, receive)
        else:
            await self._app(scope, receive, send)


async def _swallow(message: Message) -> None:
    """Stands in for `send` where the answer must not leave."""


async def _drop(scope: Scope, receive: Receive) -> None:
    transport: Any = scope["extensions"][_CONNECTION]["transport"]
    transport.abort()
    # The server answers 500 for an application that returns in silence, unless it has seen the connection end.
    while (await receive())["type"] != "http.disconnect":
        pass


async def _answer(
    send: Send, door: Door, status: int, code: str, message: str, more: Sequence[tuple[bytes, bytes]] = ()
) -> None:
    """Answer an error in the provider's own words."""
    body = orjson.dumps(door.refusal(status, code, message))
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

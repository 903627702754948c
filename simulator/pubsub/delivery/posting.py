"""A small HTTP/1.1 client that does one thing: POST, and learn the status.

A push costs the broker about a third of what a general client takes, and pushes are most of what a broker does. Answers
come through a callback, without a task for each request. Parsing is httptools' (llhttp).
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Final, cast
from urllib.parse import urlsplit

import httptools

Answered = Callable[[int | None, str], None]
"""Called once for each request: with the status and "", or with None and why there was no answer."""

# uvicorn and gunicorn close idle connections after 5 s and 2 s. A request on a connection that is closed at that very
# moment would fail, so this side lets go first.
IDLE_SECONDS: Final = 1.0


class Endpoint:
    """One URL and the connections to it.

    url: http or https. headers: lines for every request, each ending in CRLF.
    """

    def __init__(self, url: str, headers: str) -> None:
        parts = urlsplit(url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        host = parts.netloc.rpartition("@")[2]
        self._head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\n{headers}".encode()
        self._host = parts.hostname or ""
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._port = parts.port or (443 if self._tls else 80)
        self._loop = asyncio.get_running_loop()
        self._idle: dict[_Connection, float] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._connecting: set[asyncio.Task[None]] = set()
        self._closed = False

    def post(self, body: bytes, headers: str, seconds: float, answered: Answered) -> None:
        """Send a request.

        headers: further lines, each ending in CRLF. seconds: how long the answer may take, connecting included.
        """
        request = b"%b%bContent-Length: %d\r\n\r\n%b" % (self._head, headers.encode(), len(body), body)
        limit = self._loop.time() + seconds
        while self._idle:
            connection, since = self._idle.popitem()
            if connection.usable and since + IDLE_SECONDS > self._loop.time():
                connection.send(request, limit, answered)
                return
            connection.close()
        task = self._loop.create_task(self._connect(request, limit, answered))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    def close(self) -> None:
        """Close idle connections now and the others after their answer."""
        self._closed = True
        if self._sweep:
            self._sweep.cancel()
        while self._idle:
            self._idle.popitem()[0].close()

    def keep(self, connection: "_Connection") -> None:
        """A connection is free for another request."""
        if self._closed:
            connection.close()
            return
        self._idle[connection] = self._loop.time()
        if self._sweep is None:
            self._sweep = self._loop.call_later(IDLE_SECONDS, self._close_stale)

    def forget(self, connection: "_Connection") -> None:
        """A connection is lost."""
        self._idle.pop(connection, None)

    def _close_stale(self) -> None:
        stale = self._loop.time() - IDLE_SECONDS
        while self._idle:
            connection, since = next(iter(self._idle.items()))
            if since > stale:
                break
            del self._idle[connection]
            connection.close()
        self._sweep = self._loop.call_later(IDLE_SECONDS, self._close_stale) if self._idle else None

    async def _connect(self, request: bytes, limit: float, answered: Answered) -> None:
        try:
            async with asyncio.timeout_at(limit):
                _, connection = await self._loop.create_connection(
                    lambda: _Connection(self, self._loop), self._host, self._port, ssl=self._tls
                )
        except TimeoutError:
            answered(None, "no connection in time")
        except (OSError, UnicodeError) as error:  # UnicodeError: a host name that DNS can't have
            answered(None, f"{type(error).__name__}: {error}")
        else:
            connection.send(request, limit, answered)


class _Connection(asyncio.Protocol):
    """One connection; carries one request at a time."""

    def __init__(self, endpoint: Endpoint, loop: asyncio.AbstractEventLoop) -> None:
        self._endpoint = endpoint
        self._loop = loop
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._answered: Answered | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._status: int | None = None
        self._complete = False
        self._reusable = False

    @property
    def usable(self) -> bool:
        """Whether another request can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self, request: bytes, limit: float, answered: Answered) -> None:
        """Send a request whose answer must come before `limit` (loop time)."""
        self._answered = answered
        self._status = None
        self._complete = False
        if self._transport is None or self._transport.is_closing():
            self._finish("connection closed by the other side")
            return
        self._timer = self._loop.call_at(limit, self._time_out)
        self._transport.write(request)

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    # asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.close()
            self._finish(f"not an HTTP answer: {error}")
            return
        if self._answered is None:
            self.close()  # nobody asked
        elif self._complete:
            if self._reusable:
                self._endpoint.keep(self)
            else:
                self.close()
            self._finish("")

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._endpoint.forget(self)
        self._finish(str(error) if error else "connection closed by the other side")

    # httptools' callbacks

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()

    def on_message_complete(self) -> None:
        status = self._status or 0
        if status < 200 and status != 102:
            self._status = None  # interim: the answer is still to come
            return
        self._complete = True
        # An interim 102 counts as the answer; the final one would be taken for the next request's.
        self._reusable = status != 102 and self._parser.should_keep_alive()

    def _time_out(self) -> None:
        if self._transport is not None:
            self._transport.abort()
        self._status = None
        self._finish("no answer in time")

    def _finish(self, reason: str) -> None:
        answered, self._answered = self._answered, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if answered is not None:
            # An answer without a length ends with the connection, so a known status outlives its loss.
            answered(self._status, "" if self._status is not None else reason)

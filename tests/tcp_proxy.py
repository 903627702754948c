"""A network that misbehaves: a TCP proxy that forwards, freezes or resets, in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_CHUNK = 65_536
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no time: closing sends RST


class TcpProxy:
    """Stands at `port` of 127.0.0.1, before another port there.

    `accepted`: connections so far.
    """

    def __init__(self, target: int) -> None:
        self.accepted = 0
        self._target = target
        self._refusals = 0
        self._flow = asyncio.Event()
        self._flow.set()
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        listening = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop)
        self._server = listening.result()
        self.port: int = self._server.sockets[0].getsockname()[1]

    def freeze(self, *, new_ones_too: bool) -> None:
        """Nothing gets through the connections that are open, though the kernel goes on acknowledging. Those that are
        made from now on are like them, or flow."""

        def begin() -> None:
            self._flow.clear()
            if not new_ones_too:
                self._let_new_ones_flow()

        self._call(begin)

    def let_new_ones_flow(self) -> None:
        """Connections that are made from now on are forwarded; those that froze stay so."""
        self._call(self._let_new_ones_flow)

    def reset_connections(self) -> None:
        """All that are open end with a reset."""
        self._call(self._reset_all)

    def refuse(self, connections: int) -> None:
        """Reset so many of the next connections as they come."""

        def begin() -> None:
            self._refusals = connections

        self._call(begin)

    def close(self) -> None:
        self._call(self._server.close)
        self._call(self._reset_all)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
            with suppress(asyncio.CancelledError):
                self._loop.run_until_complete(task)
        self._loop.close()

    def _call(self, what: Callable[[], object]) -> None:
        done = threading.Event()

        def work() -> None:
            what()
            done.set()

        self._loop.call_soon_threadsafe(work)
        done.wait()

    def _let_new_ones_flow(self) -> None:
        self._flow = asyncio.Event()
        self._flow.set()

    def _reset_all(self) -> None:
        for writer in list(self._open):
            _reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        flow = self._flow
        if self._refusals:
            self._refusals -= 1
            _reset(writer)
            return
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target)
        ours = {writer, there_writer}
        self._open |= ours
        await asyncio.gather(_pump(reader, there_writer, flow), _pump(there_reader, writer, flow))
        self._open -= ours


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flow: asyncio.Event) -> None:
    with suppress(OSError):
        while data := await reader.read(_CHUNK):
            await flow.wait()
            writer.write(data)
            await writer.drain()
    writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


@contextmanager
def proxy_to(port: int) -> Iterator[TcpProxy]:
    """A proxy before `port` of 127.0.0.1, gone when the block ends."""
    proxy = TcpProxy(port)
    try:
        yield proxy
    finally:
        proxy.close()

"""A simulator for tests: on its own thread and port, gone when the block ends."""

import asyncio
import contextlib
import http.client
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from simulator.app import Settings
from simulator.clock import Clock, present
from simulator.server import server

_STOP_WITHIN = 10


@contextmanager
def simulator_thread(settings: Settings | None = None, clock: Clock = present) -> Iterator[str]:
    """Run a simulator for as long as the block lasts; for tests with a blocking client.

    Args:
        settings: how it starts; the defaults of `Settings` if None.
        clock: its time, in seconds since the epoch.

    Yields:
        The base address, such as http://127.0.0.1:40123. It answers already.

    Raises:
        RuntimeError: it is not well at first, or did not stop.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    running = server(settings or Settings(), "127.0.0.1", port, clock)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, name="simulator", daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{port}"
    try:
        # The socket listens already, so this waits in its queue until the server takes it.
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
            connection.request("GET", "/control/health")
            if connection.getresponse().status != http.HTTPStatus.OK:
                raise RuntimeError("the simulator is not well")
        yield address
    finally:
        running.should_exit = True
        thread.join(_STOP_WITHIN)
        listener.close()
    if thread.is_alive():
        raise RuntimeError("the simulator did not stop")


@asynccontextmanager
async def running_simulator(settings: Settings | None = None, clock: Clock = present) -> AsyncIterator[str]:
    """Run a simulator for as long as the block lasts; for tests with an event loop.

    Args:
        settings: how it starts; the defaults of `Settings` if None.
        clock: its time, in seconds since the epoch.

    Yields:
        The base address, such as http://127.0.0.1:40123. It answers already.

    Raises:
        RuntimeError: it is not well at first, or did not stop.
    """
    running = simulator_thread(settings, clock)
    address = await asyncio.to_thread(running.__enter__)
    try:
        yield address
    finally:
        await asyncio.to_thread(running.__exit__, None, None, None)

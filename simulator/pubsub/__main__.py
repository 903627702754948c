"""Run the built-in Pub/Sub: ``python -m simulator.pubsub --host 127.0.0.1 --port 8085 --control-port 8086``.

It keeps topics, subscriptions and messages in memory only: when it stops, they are gone. SIGTERM and SIGINT end it
after the pushes under way have been answered, at most five seconds later.
"""

import argparse
import asyncio
import contextlib
import gc
import logging
import resource
import signal
from collections.abc import Sequence

import grpc
import uvloop
from aiohttp import web

from simulator.pubsub.broker import DEFAULT_MEMORY_BYTES, Broker
from simulator.pubsub.control import control_app
from simulator.pubsub.delivery.push import DEFAULT_MAX_OUTSTANDING
from simulator.pubsub.service import MAX_REQUEST_BYTES, PublisherService, SubscriberService

DRAIN_SECONDS = 5.0
SERVER_OPTIONS = [
    # Without SO_REUSEPORT a second broker on the same port fails at once and does not take half of the calls.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", MAX_REQUEST_BYTES),
    # The stock client pings each 30 s, also when idle; by default a server ends such a connection for pinging too much.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
]

_log = logging.getLogger(__name__)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line (the process's own by default)."""
    parser = argparse.ArgumentParser(
        prog="python -m simulator.pubsub", description="A local Google Pub/Sub, in memory."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=8085, help="gRPC port, 0 for any free one (%(default)s)")
    parser.add_argument("--control-port", type=int, help="HTTP port for faults and statistics, 0 for any free one")
    parser.add_argument(
        "--max-outstanding",
        type=int,
        default=DEFAULT_MAX_OUTSTANDING,
        help="pushes under way at once, for each subscription (%(default)s)",
    )
    parser.add_argument(
        "--memory-mb",
        type=int,
        default=DEFAULT_MEMORY_BYTES // 1_000_000,
        help="memory for unacknowledged messages; beyond it publishing is refused (%(default)s)",
    )
    return parser.parse_args(arguments)


async def serve(arguments: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT. Raises RuntimeError when the gRPC port is taken, OSError for the control port."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    broker = Broker(arguments.memory_mb * 1_000_000, arguments.max_outstanding)
    server = grpc.aio.server(options=SERVER_OPTIONS)
    server.add_generic_rpc_handlers((PublisherService(broker).handlers(), SubscriberService(broker).handlers()))
    port = server.add_insecure_port(f"{arguments.host}:{arguments.port}")
    control = web.AppRunner(control_app(broker), access_log=None)
    await control.setup()
    if arguments.control_port is not None:
        await web.TCPSite(control, arguments.host, arguments.control_port).start()
        _log.info("control on http://%s:%s", arguments.host, control.addresses[0][1])
    await server.start()
    _log.info("listening on %s:%s", arguments.host, port)
    await stop.wait()
    broker.close()
    await server.stop(grace=0.5)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(broker.drain(), DRAIN_SECONDS)
    await control.cleanup()
    lost = sum(subscription["backlog"] for subscription in broker.stats()["subscriptions"].values())
    _log.info("stopped; %s unacknowledged messages are gone with it", lost)


def main() -> None:
    """Entry point of ``python -m simulator.pubsub``."""
    arguments = parse()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # Each push under way has a connection; the usual soft limit of 1,024 would end that early.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard != resource.RLIM_INFINITY else max(soft, 65_536), hard))
    # Messages make no reference cycles; looking for some among a million of them would halt the broker for long.
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
    uvloop.run(serve(arguments))


if __name__ == "__main__":
    main()

"""The HTTP server around the application."""

import uvicorn

from simulator.app import Settings, build_app
from simulator.clock import Clock, present
from simulator.gate import DroppableProtocol


def server(settings: Settings, host: str, port: int, clock: Clock = present) -> uvicorn.Server:
    """A server that is ready to run.

    Args:
        settings: how the simulator starts.
        host: address to listen on.
        port: port to listen on; not used when the server is given a socket.
        clock: see `build_app`.
    """
    return uvicorn.Server(
        uvicorn.Config(
            build_app(settings, clock),
            host=host,
            port=port,
            loop="uvloop",
            http=DroppableProtocol,
            ws="none",
            lifespan="on",
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
    )

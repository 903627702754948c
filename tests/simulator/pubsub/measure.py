"""How fast the built-in broker is, and what it costs: ``python -m tests.simulator.pubsub.measure``.

Publishes through the stock batching client and in raw requests, pushes to a bare ASGI sink under uvicorn, and measures
how long a lone message takes from publishing to the sink. CPU is the broker's own, from /proc. Linux only.
"""

import asyncio
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import httpx
import uvicorn
from google.cloud import pubsub_v1
from google.pubsub_v1 import types

from local.topology import PushSubscription, Topic, Topology, create, topic_name
from tests.broker import RunningBroker, start_broker

MESSAGES = 20_000
BATCH = 1000
LONE_MESSAGES = 200


ARRIVALS: asyncio.Queue[int] = asyncio.Queue()


async def sink(scope: Any, receive: Any, send: Any) -> None:
    """Answer each push with 204, and note when it came."""
    ARRIVALS.put_nowait(time.monotonic_ns())
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def say(text: str) -> None:
    """One line for people."""
    sys.stdout.write(text + "\n")


def cpu_seconds(process: subprocess.Popen[bytes]) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measured(what: str, broker: RunningBroker, work: Callable[[], None]) -> None:
    """Run `work`, which moves MESSAGES messages, and say how fast it was."""
    cpu, began = cpu_seconds(broker.process), time.perf_counter()
    work()
    seconds, cpu = time.perf_counter() - began, cpu_seconds(broker.process) - cpu
    say(f"{what}: {MESSAGES / seconds:,.0f}/s, {cpu / MESSAGES * 1e6:.0f} µs of the broker's CPU each")


def publish_stock(topic: str) -> None:
    """Through the client that the product uses, as it comes."""
    publisher = pubsub_v1.PublisherClient()
    futures = [publisher.publish(topic, b"x" * 200, kind="measure") for _ in range(MESSAGES)]
    for future in futures:
        future.result()


def publish_raw(broker: RunningBroker, topic: str) -> None:
    """In ready-made requests, which leaves the client's cost out."""
    message = types.PubsubMessage(data=b"x" * 200, attributes={"kind": "measure"})
    request = types.PublishRequest.serialize(types.PublishRequest(topic=topic, messages=[message] * BATCH))
    with grpc.insecure_channel(broker.host) as channel:
        call = channel.unary_unary("/google.pubsub.v1.Publisher/Publish")
        for _ in range(MESSAGES // BATCH):
            call(request)


def push_all(broker: RunningBroker, topic: str) -> None:
    """Publish, and wait until everything was pushed and acknowledged."""
    publish_raw(broker, topic)
    while any(one["backlog"] for one in httpx.get(f"{broker.control_url}/stats").json()["subscriptions"].values()):
        time.sleep(0.02)


async def lone_messages(broker: RunningBroker, topic: str) -> list[float]:
    """Milliseconds from publishing a single message to its arrival at a sink in this process."""
    message = types.PubsubMessage(data=b"x" * 200)
    request = types.PublishRequest.serialize(types.PublishRequest(topic=topic, messages=[message]))
    latencies = []
    async with grpc.aio.insecure_channel(broker.host) as channel:
        call = channel.unary_unary("/google.pubsub.v1.Publisher/Publish")
        for _ in range(LONE_MESSAGES):
            began = time.monotonic_ns()
            await call(request)
            latencies.append((await ARRIVALS.get() - began) / 1e6)
            await asyncio.sleep(0.005)
    return latencies


async def measure_lone(broker: RunningBroker) -> None:
    """Serve the sink here, so that both ends read one clock."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(sink, log_level="warning", access_log=False, lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    push = PushSubscription("lone", "lone", f"http://127.0.0.1:{port}/")
    await asyncio.to_thread(create, Topology((Topic("lone"),), (push,)), broker.host, "measure")
    latencies = await lone_messages(broker, topic_name("measure", "lone"))
    cuts = statistics.quantiles(latencies, n=100)
    say(f"lone message, publish to sink: median {statistics.median(latencies):.2f} ms, p99 {cuts[98]:.2f} ms")
    server.should_exit = True
    await serving


def main() -> None:
    """Measure and say."""
    with start_broker("built-in") as broker:
        os.environ["PUBSUB_EMULATOR_HOST"] = broker.host
        nowhere = topic_name("measure", "nowhere")
        create(Topology((Topic("nowhere"), Topic("push"))), broker.host, "measure")
        measured("publish, stock client", broker, lambda: publish_stock(nowhere))
        measured("publish, raw requests", broker, lambda: publish_raw(broker, nowhere))
        command = [
            sys.executable,
            "-m",
            "uvicorn",
            "tests.simulator.pubsub.measure:sink",
            "--fd",
            "0",
            "--lifespan",
            "off",
        ]
        command += ["--no-access-log", "--log-level", "warning"]
        with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
            port = listening.getsockname()[1]
            served = subprocess.Popen(command, stdin=listening.fileno())  # noqa: S603
            try:
                push = PushSubscription("push", "push", f"http://127.0.0.1:{port}/")
                create(Topology((Topic("push"),), (push,)), broker.host, "measure")
                for turn in ("cold", "warm"):
                    measured(f"push, {turn}", broker, lambda: push_all(broker, topic_name("measure", "push")))
            finally:
                served.terminate()
                served.wait()
        asyncio.run(measure_lone(broker))


if __name__ == "__main__":
    main()

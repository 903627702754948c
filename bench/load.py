"""The loads: events one by one, a lone one, events at a modest rate, and one bulk."""

from __future__ import annotations

import asyncio
import csv
import datetime as dt
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from google.cloud import pubsub_v1

from bench.home import environment
from bench.saas import TEMPLATE, TENANT, customer, event
from bench.watch import STALLED_SECONDS, BenchError, Watch
from local.stack import Stack
from shared.bootstrap import collect_rarely
from shared.campaigns.sending import send_bulk
from shared.customers.files.people import CustomerFile
from shared.platform.clock import WallClock
from shared.platform.database import Database
from shared.platform.pubsub import PubSubPublisher

TOPIC = "subscription-events"
WARM_UP = 500
_LOOK_EVERY_SECONDS = 0.003
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Burst:
    """Messages that were asked for at once. `seconds`: from the first request to the last one delivered."""

    messages: int
    seconds: float

    @property
    def per_second(self) -> float:
        return self.messages / self.seconds


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds from `publish` until a reader of Postgres sees `delivered`, of messages sent at `rate` a second."""

    messages: int
    rate: float | None
    p50_ms: float
    p99_ms: float
    max_ms: float


class Publisher:
    """The stock client with its default batching, as somebody else's program would use it.

    Args:
        stack: where to publish.
    """

    def __init__(self, stack: Stack) -> None:
        with environment({"PUBSUB_EMULATOR_HOST": stack.pubsub_emulator_host}):
            self._client = pubsub_v1.PublisherClient()
        self._topic = self._client.topic_path(stack.project, TOPIC)

    def publish(self, event_id: str, number: int, at: dt.datetime) -> pubsub_v1.publisher.futures.Future:
        return self.publish_body(event(event_id, number, at))

    def publish_body(self, body: bytes) -> pubsub_v1.publisher.futures.Future:
        """An event as it is."""
        return self._client.publish(self._topic, body)

    def close(self) -> None:
        self._client.stop()


def singles(publisher: Publisher, watch: Watch, count: int) -> Burst:
    """Publish `count` events one by one, as fast as the client takes them."""
    since = WallClock().now()
    begun = time.monotonic()
    futures = [publisher.publish(f"evt-{number}", number, since) for number in itertools.islice(_numbers, count)]
    for future in futures:
        future.result(STALLED_SECONDS)
    return Burst(count, watch.until_delivered(count, since) - begun)


def paced(publisher: Publisher, watch: Watch, count: int, rate: float) -> Latency:
    """Publish `count` events at `rate` a second, and see when each message is delivered."""
    since = WallClock().now()
    begun = time.monotonic()
    published: dict[str, float] = {}
    latencies: list[float] = []
    sent = 0
    while len(latencies) < count:
        now = time.monotonic()
        while sent < count and begun + sent / rate <= now:
            number = next(_numbers)
            published[f"evt-{number}"] = time.monotonic()
            publisher.publish(f"evt-{number}", number, WallClock().now())
            sent += 1
        arrived = watch.arrived(list(published), since)
        now = time.monotonic()
        latencies += [now - published.pop(event_id) for event_id in arrived]
        if now - begun > count / rate + STALLED_SECONDS:
            raise BenchError(f"{len(published):,} of {count:,} messages were not delivered within a minute")
        time.sleep(_LOOK_EVERY_SECONDS)
    return latency(latencies, rate)


def lone(publisher: Publisher, watch: Watch, count: int) -> Latency:
    """Publish `count` events, each when the one before is delivered and the system at rest."""
    latencies: list[float] = []
    for number in itertools.islice(_numbers, count):
        since, begun = WallClock().now(), time.monotonic()
        publisher.publish(f"evt-{number}", number, since)
        while not watch.arrived([f"evt-{number}"], since):
            if time.monotonic() - begun > STALLED_SECONDS:
                raise BenchError("a lone message was not delivered within a minute")
            time.sleep(_LOOK_EVERY_SECONDS)
        latencies.append(time.monotonic() - begun)
        watch.until_quiet()
    return latency(latencies, None)


def write_customers(file: Path, count: int) -> Sequence[int]:
    """Write a file of `count` customers, as `allim send` takes it. Gives their numbers."""
    numbers = list(itertools.islice(_numbers, count))
    columns = ("id", "phone", "name", "email", "company", "status", "plan", "locale")
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(customer(number) for number in numbers)
    return numbers


def bulk(stack: Stack, watch: Watch, file: Path, count: int) -> Burst:
    """Send to the `count` customers of `file` as `allim send` does."""
    since, begun = WallClock().now(), time.monotonic()
    asyncio.run(send(stack, file, tenant=TENANT, template=TEMPLATE))
    return Burst(count, watch.until_delivered(count, since) - begun)


async def send(stack: Stack, file: Path, *, tenant: str, template: str) -> None:
    """Send a tenant's template to the customers of `file`; done once its tickets are published."""
    collect_rarely()
    database = Database(stack.role_database_urls["allim_api"])
    publisher = PubSubPublisher(stack.project, emulator_host=stack.pubsub_emulator_host)
    try:
        await send_bulk(
            database, publisher, WallClock(), tenant=tenant, template=template, customers=CustomerFile(file)
        )
    finally:
        await database.close()


def latency(seconds: Sequence[float], rate: float | None) -> Latency:
    """Sum up measured times."""
    return Latency(
        messages=len(seconds),
        rate=rate,
        p50_ms=round(percentile(seconds, 50) * 1e3, 1),
        p99_ms=round(percentile(seconds, 99) * 1e3, 1),
        max_ms=round(max(seconds) * 1e3, 1),
    )


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of 100 values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100).__int__() - 1)]

"""What the profiled functions stand on: a database with the example tenant, a bus that keeps what it is given, and a
provider that takes everything at once."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import orjson
import psycopg
from starlette.requests import Request
from starlette.types import Message

from bench.load import write_customers
from bench.saas import CREDIT, TEMPLATE, TENANT, event
from bench.timers.laying import DUNNING, lay
from bench.watch import BenchError
from local.examples.files import read_examples
from local.examples.loading import EXAMPLE_PLAN, LONG_AGO, write_example
from local.postgres import ROLES, ensure_database, let_roles_log_in, running, with_parts
from shared.bootstrap import Parts, accounts, database, dead_letters, intake, reports, ticker
from shared.campaigns.sending import send_bulk
from shared.contracts.events import MAX_EVENT_BYTES, SubscriptionEvent
from shared.contracts.outcomes import Outcome
from shared.contracts.reports import ProviderReport, ReportBatch
from shared.contracts.tickets import SendTicket
from shared.credits.plans.granting import grant
from shared.customers.files.people import CustomerFile
from shared.messages.dispatch.dispatching import Dispatcher
from shared.messages.dispatch.sending import Sender
from shared.platform.clock import WallClock
from shared.platform.crypto import Keys
from shared.platform.database import Database
from shared.platform.database.migrations import migrate
from shared.platform.pubsub import SEND_REQUESTS, Outgoing
from shared.platform.pubsub.push import Endpoint, push
from shared.platform.settings import Settings
from shared.providers.solapi import Solapi

AT_ONCE = 64
"""Requests that an instance has open: fewer than Cloud Run's 80."""

REPORTS_A_BATCH = 100
KEY = bytes(32)
PASSWORD = "profile"  # noqa: S105 - of a database that is gone with the run

Work = Callable[[], Awaitable[None]]


@dataclass
class Bus:
    """Keeps what is published, by topic."""

    kept: dict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))

    async def publish(self, topic: str, messages: Sequence[Outgoing]) -> None:
        self.kept[topic] += [message.data for message in messages]

    def take(self, topic: str) -> list[bytes]:
        """What was published since it was last taken."""
        return self.kept.pop(topic, [])


class Taker:
    """SOLAPI's answers, without a network: each group is taken whole."""

    def __init__(self) -> None:
        self._groups = count()

    async def answer(self, request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            messages = orjson.loads(request.content)["messages"]
            listed = [
                {"customFields": one["customFields"], "messageId": f"M{place}", "statusCode": "2000"}
                for place, one in enumerate(messages)
            ]
            return httpx.Response(200, content=orjson.dumps({"resultList": listed}))
        return httpx.Response(200, content=orjson.dumps({"groupId": f"G{next(self._groups)}"}))


class Stage:
    """Functions of this process, each with its own role, on one database.

    Args:
        url: the owner's.
        folder: for files.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self._url, self._folder = url, folder
        self._bus, self._clock, self._numbers = Bus(), WallClock(), count()
        roles = ("allim_events", "allim_sender", "allim_reports", "allim_ticker")
        events, sends, callbacks, ticks = (self._parts(role) for role in roles)
        self._pools = [database(parts) for parts in (events, sends, callbacks, ticks)]
        taker = httpx.AsyncClient(transport=httpx.MockTransport(Taker().answer))
        solapi = {"solapi": Solapi("http://provider", self._clock, taker)}
        sender = Sender(
            database(sends),
            solapi,
            accounts(sends),
            Dispatcher(database(sends), self._clock),
            reports(sends),
            self._clock,
        )
        self._on_event = push(SubscriptionEvent, dead_letters=dead_letters(events), max_bytes=MAX_EVENT_BYTES)(
            intake(events).receive
        )
        self._on_ticket = push(SendTicket, dead_letters=dead_letters(sends))(sender.send)
        self._on_reports = push(ReportBatch, dead_letters=dead_letters(callbacks))(reports(callbacks).record_batch)
        self._ticker = ticker(ticks)
        self._api = Database(with_parts(url, user="allim_api", password=PASSWORD))
        self._pools.append(self._api)

    def _parts(self, role: str) -> Parts:
        settings = {
            "database_url": with_parts(self._url, user=role, password=PASSWORD),
            "google_cloud_project": "profile",
            "allim_encryption_key": base64.b64encode(KEY).decode(),
        }
        return Parts(Settings.of(settings), self._clock, self._bus)

    async def close(self) -> None:
        for pool in self._pools:
            await pool.close()

    async def intake(self, number: int) -> Work:
        """`on_subscription_event`: each event in a push of its own."""
        now = self._clock.now()
        events = [event(f"evt-{one}", one, now) for one in (next(self._numbers) for _ in range(number))]
        return self._pushes(self._on_event, events)

    async def sending(self, number: int) -> Work:
        """`on_send_request`: the tickets of as many events."""
        return self._pushes(self._on_ticket, await self._tickets(number))

    async def reports(self, number: int) -> Work:
        """`on_delivery_callback`: as many deliveries, in batches as a provider tells them."""
        tickets = await self._tickets(number)
        await self._pushes(self._on_ticket, tickets)()
        messages = [UUID(one) for ticket in tickets for one in orjson.loads(ticket)["messages"]]
        batches = [
            ReportBatch(tenant=TENANT, provider="solapi", account="main", reports=tuple(map(_delivered, some)))
            for some in (messages[at : at + REPORTS_A_BATCH] for at in range(0, len(messages), REPORTS_A_BATCH))
        ]
        return self._pushes(self._on_reports, [batch.model_dump_json().encode() for batch in batches])

    async def bulk(self, number: int) -> Work:
        """A send to the customers of a file."""
        file = self._folder / "customers.csv"
        write_customers(file, number)

        async def work() -> None:
            customers = CustomerFile(file)
            await send_bulk(self._api, self._bus, self._clock, tenant=TENANT, template=TEMPLATE, customers=customers)

        return work

    async def timers(self, number: int) -> Work:
        """`on_reminder_tick`: as many steps of one tenant, all due at once."""
        now = self._clock.now()
        with psycopg.connect(self._url) as connection:
            lay(connection, DUNNING, f"profile-{next(self._numbers)}", number, now, dt.timedelta(0))

        async def work() -> None:
            while await self._ticker.speak_due():
                pass

        return work

    async def _tickets(self, number: int) -> list[bytes]:
        self._bus.take(SEND_REQUESTS)
        await (await self.intake(number))()
        return self._bus.take(SEND_REQUESTS)

    def _pushes(self, endpoint: Endpoint, contents: Sequence[bytes]) -> Work:
        requests = iter([_request(data, place) for place, data in enumerate(contents)])

        async def one_after_another() -> None:
            for request in requests:
                answer = await endpoint(request)
                if answer.status_code != 204:
                    raise BenchError(f"a push was answered {answer.status_code}")

        async def work() -> None:
            await asyncio.gather(*(one_after_another() for _ in range(AT_ONCE)))

        return work


def _request(data: bytes, place: int) -> Request:
    message = {"data": base64.b64encode(data).decode(), "messageId": str(place), "publishTime": "2026-11-21T01:00:00Z"}
    wrapped = {"message": message, "subscription": "projects/p/subscriptions/s", "deliveryAttempt": 1}
    body = json.dumps(wrapped).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}
    scope |= {"server": ("127.0.0.1", 8080), "scheme": "http"}

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(scope, receive)


def _delivered(message: UUID) -> ProviderReport:
    return ProviderReport(
        message=message,
        attempt=0,
        channel="alimtalk",
        provider_message_id=str(message),
        code="4000",
        outcome=Outcome.DELIVERED,
    )


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Stage]:
    """A stage on an embedded Postgres in `folder`, up as long as the `async with` block."""
    with running(folder / "postgres", durable=False) as server:
        url = ensure_database(server.url("postgres"))
        migrate(url)
        let_roles_log_in(url, dict.fromkeys(ROLES, PASSWORD))
        await _write_tenant(url)
        found = Stage(url, folder)
        try:
            yield found
        finally:
            await found.close()


async def _write_tenant(url: str) -> None:
    owner, now = Database(url, pool_size=2), WallClock().now()
    [example] = [one for one in read_examples() if one.tenant.id == TENANT]
    try:
        await write_example(owner, Keys([KEY]), example, credit=Decimal(CREDIT), customers_changed_at=LONG_AGO, now=now)
        async with owner.transaction() as connection:
            await grant(connection, TENANT, EXAMPLE_PLAN, now, why="a quota that all sends stay within")
    finally:
        await owner.close()

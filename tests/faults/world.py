"""A small world to send in: Postgres, the simulator, a bus that loses nothing, and processes that may end anywhere."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import Any
from uuid import UUID

import httpx
from aiohttp import web
from psycopg.rows import DictRow

from shared.contracts.reports import ReportBatch
from shared.contracts.tickets import SendTicket
from shared.inbox.keeping import Shelf
from shared.messages.composing import NewMessage, Origin
from shared.messages.dispatch.dispatching import LEASE, Dispatcher
from shared.messages.dispatch.fairness.turns import Turns
from shared.messages.dispatch.reissuing import reissue
from shared.messages.dispatch.sending import Sender
from shared.messages.dispatch.sweeping import Sweeper
from shared.messages.outbox import PATIENCE, cut_tickets
from shared.messages.reports.polling import Poller
from shared.messages.reports.reporting import Reports
from shared.messages.reports.webhooks import WebhookRefused, Webhooks
from shared.messages.routing import parse_route
from shared.messages.status import Status
from shared.messages.store import queue_messages
from shared.operations.inspections.hastening import Hastening
from shared.platform.database import Database
from shared.platform.ids import new_id
from shared.platform.pubsub import BULK_SEND_REQUESTS, DELIVERY_CALLBACKS, SEND_REQUESTS, Outgoing
from shared.providers import Provider, ProviderAccount
from shared.providers.aligo import Aligo
from shared.providers.fcm import Fcm
from shared.providers.inapp import InApp
from shared.providers.nhn.kakao import NhnKakao
from shared.providers.nhn.sms import Nhn
from shared.providers.sens import Sens
from shared.providers.solapi import Solapi
from shared.tenants.accounts import account_cache, register_account
from tests.clock import SettableClock
from tests.databases import Migrated
from tests.faults.boundaries import Hook, WatchedDatabase, WatchedPublisher, WatchedTransport
from tests.faults.calls.vendor import Vendor
from tests.providers.simulated import TEMPLATE_CODE, TEMPLATE_TEXT, Simulator
from tests.world import KEYS, World

TENANT = "academy"
WEBHOOK_PATH = f"/solapi/{TENANT}/main"
BOTH_CHANNELS, SMS_ONLY = "both-channels", "sms-only"
TEMPLATES = {
    BOTH_CHANNELS: {"alimtalk": {"code": TEMPLATE_CODE, "text": TEMPLATE_TEXT}},
    SMS_ONLY: {"sms": {"text": TEMPLATE_TEXT}},
}
NO_TEMPLATES: Mapping[str, str] = {}
DAY = 86_400
PATIENT_ROUTE = [{"alimtalk": 2 * DAY}, {"sms": 2 * DAY}]
"""Deadlines that no test passes by accident: whatever goes on to SMS then does so because of a report."""


class Crash(BaseException):
    """The process ended here. Not an Exception: nothing may live on by catching it."""


async def undisturbed(boundary: str) -> None:
    """The hook of a process that lives on."""


def ending_at(end: str) -> Hook:
    """The hook of a process that ends at a boundary."""

    async def hook(boundary: str) -> None:
        if boundary == end:
            raise Crash(boundary)

    return hook


class Bus:
    """Pub/Sub: what is published stays until whoever took it is done, so it may be delivered more than once."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self.ever_published: list[tuple[str, bytes]] = []

    async def publish(self, topic: str, messages: Sequence[Outgoing]) -> None:
        published = [(topic, message.data) for message in messages]
        self.messages += published
        self.ever_published += published


class Hooked:
    """Where the providers' webhook calls arrive. They are kept until somebody has taken them, as if it called again;
    those of strangers are counted."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, str], bytes]] = []
        self.strangers = 0

    async def take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.calls.append((request.path if request.path != "/" else WEBHOOK_PATH, headers, await request.read()))
        return web.Response()


class Process:
    """An instance of everything that sends: nothing in it is shared with another one but what lies outside."""

    def __init__(self, world: FaultyWorld, hook: Hook, vendor: Vendor | None) -> None:
        self._ended = asyncio.Event()
        self._hook = hook
        self.boundaries: list[str] = []
        self._client = httpx.AsyncClient(transport=WatchedTransport(world.wire, self._pass))
        solapi = Solapi(world.simulator.url, world.clock, self._client)
        wires: dict[str, Provider] = {
            "solapi": vendor.wire(self._pass) if vendor else solapi,
            "nhn": Nhn(world.simulator.url, self._client),
            "nhn_kakao": NhnKakao(world.simulator.url, self._client),
            "sens": Sens(world.simulator.url, world.clock, self._client),
            "fcm": Fcm(world.simulator.url, world.simulator.url, world.clock, self._client),
            "aligo": Aligo(world.simulator.url, world.simulator.url, self._client),
        }
        publisher = WatchedPublisher(world.bus, self._pass)

        # Each as its own role, which may do the least.
        def as_role(name: str) -> Database:
            return WatchedDatabase(world.as_role(name), self._pass)

        wires["inapp"] = InApp(Shelf(as_role("allim_sender"), world.clock))

        def sender(database: Database, turns: Turns | None = None) -> Sender:
            dispatcher, reports = Dispatcher(database, world.clock), Reports(database, publisher, world.clock)
            return Sender(database, wires, account_cache(KEYS), dispatcher, reports, world.clock, turns)

        bulk, swept = as_role("allim_bulk_sender"), as_role("allim_sweeper")
        self.reports = Reports(as_role("allim_reports"), publisher, world.clock)
        self.sender = sender(as_role("allim_sender"))
        self.bulk_sender = sender(bulk, Turns(bulk, world.clock))
        self.sweeper = Sweeper(
            swept,
            wires,
            account_cache(KEYS),
            Dispatcher(swept, world.clock),
            Reports(swept, publisher, world.clock),
            world.clock,
        )
        polled = Reports(swept, publisher, world.clock)
        self.poller = Poller(swept, wires, account_cache(KEYS), polled, world.clock)
        self.webhooks = Webhooks(
            as_role("allim_webhook"),
            publisher,
            wires,
            Hastening(as_role("allim_webhook"), world.clock).look_soon,
            world.clock,
        )
        self.reissue = partial(reissue, as_role("allim_ticker"), publisher, world.clock)

    async def sweep(self) -> None:
        """One pass of every loop that mends."""
        await self.reissue()
        await self.sweeper.sweep()
        await self.poller.poll()

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    async def called(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """A provider calls."""
        account = await self.webhooks.let_in(path, headers, "the provider's address")
        await self.webhooks.receive(account, headers, body)

    async def _pass(self, boundary: str) -> None:
        if self.ended:
            raise Crash
        self.boundaries.append(boundary)
        try:
            await self._hook(boundary)
        except Crash:
            self._ended.set()
            raise
        if self.ended:
            raise Crash

    async def run(self, *work: Awaitable[object]) -> list[object]:
        """Do some things at once, for as long as the process lives.

        Returns:
            What came of each: its value or its error; nothing when the process ended.
        """
        tasks = [asyncio.ensure_future(each) for each in work]
        end = asyncio.create_task(self._ended.wait())
        unfinished = set(tasks)
        while unfinished and not self.ended:
            await asyncio.wait([*unfinished, end], return_when=asyncio.FIRST_COMPLETED)
            unfinished = {task for task in tasks if not task.done()}
        # Whoever waits for work that died with the process would wait for ever.
        for task in [*unfinished, end]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        return [] if self.ended else list(results)


class FaultyWorld(World):
    """What lies outside of the processes, and the tests' ways to look at it.

    Args:
        migrated: the one database.
        simulator: the provider.
        clock: everybody's time.
        provider_account: the tenant's account at the provider.
        wire: HTTP connections that processes share, for making them costs more than using them.
        hooked: where the provider calls.
    """

    def __init__(
        self,
        migrated: Migrated,
        simulator: Simulator,
        clock: SettableClock,
        provider_account: ProviderAccount,
        wire: httpx.AsyncHTTPTransport,
        hooked: Hooked,
    ) -> None:
        super().__init__(migrated, clock)
        self.simulator = simulator
        self.hook_url = ""
        self.provider_account = provider_account
        self.wire = wire
        self.hooked = hooked
        self.bus = Bus()

    def process(self, hook: Hook = undisturbed, vendor: Vendor | None = None) -> Process:
        """A process; with a vendor, that is what the account's provider is."""
        return Process(self, hook, vendor)

    async def set_up(self) -> None:
        """The tenant, its account and its templates."""
        await self.tenant(id_=TENANT, templates=TEMPLATES, credit=1_000_000_000, account=False)
        await self.open_account()

    async def open_account(self, **secrets: str) -> None:
        """The tenant's account is opened with the provider's secrets from now on, or with others."""
        account = replace(self.provider_account, tenant=TENANT, secrets={**self.provider_account.secrets, **secrets})
        async with self.owner.transaction() as connection:
            await register_account(connection, KEYS, account, now=self.clock.now())

    async def start_over(self) -> None:
        """Forget every message, here and at the provider."""
        self.simulator.set_faults()
        self.simulator.forget_accepted()
        await self.reports_brought()
        self.hooked.calls.clear()
        self.bus.messages.clear()
        self.bus.ever_published.clear()
        for table in (
            "messages",
            "dispatches",
            "reports",
            "outbox",
            "dead_letters",
            "account_buckets",
            "account_health",
            "account_polls",
            "inbox",
            "inbox_documents",
        ):
            self.rows(f"delete from {table}")  # noqa: S608 - names from the line above

    async def queue(
        self,
        *recipients: str,
        route: Any = PATIENT_ROUTE,
        templates: Mapping[str, str] = NO_TEMPLATES,
        tenant: str = TENANT,
        topic: str = SEND_REQUESTS,
    ) -> list[UUID]:
        """One message to each recipient, committed with one ticket, which is published.

        Args:
            recipients: numbers.
            route: as `parse_route` takes it.
            templates: by recipient; the others get the one with words for both channels.
            tenant: who sends.
            topic: of its ticket.
        """
        now = self.clock.now()
        messages = [
            NewMessage(
                tenant=tenant,
                id=new_id(now),
                customer=recipient,
                recipient=recipient,
                template=templates.get(recipient, BOTH_CHANNELS),
                template_version=1,
                variables={"이름": "하나"},
                route=parse_route(route),
                status=Status.QUEUED,
                reason=None,
                detail=None,
                due_at=now,
                expires_at=now.replace(year=now.year + 1),
                created_at=now,
                origin=Origin(),
            )
            for recipient in recipients
        ]
        tickets = cut_tickets(((message.tenant, message.id) for message in messages), now)
        self.rows(
            "insert into customers (tenant, id, as_of) select %s, unnest(%s::text[]), %s on conflict do nothing",
            tenant,
            list(recipients),
            now,
        )
        async with self.owner.connection() as connection:
            await queue_messages(
                connection, messages, tickets, topics={tenant: topic}, now=now, publish_at=now + PATIENCE
            )
        await self.bus.publish(topic, [Outgoing(ticket.model_dump_json().encode()) for ticket in tickets])
        return [message.id for message in messages]

    async def deliver(self, process: Process) -> None:
        """Hand a process what is on the bus and what the provider calls with, until there is no more of it.

        What it does not take stays.
        """
        refused: list[tuple[str, bytes]] = []
        while (self.bus.messages or self.hooked.calls) and not process.ended:
            calls, self.hooked.calls = self.hooked.calls, []
            messages, self.bus.messages = self.bus.messages, []
            results = await process.run(
                *(process.called(*call) for call in calls),
                *(self.handle(process, topic, data) for topic, data in messages),
            )
            if process.ended:
                self.hooked.calls, self.bus.messages = calls + self.hooked.calls, messages + self.bus.messages
                break
            for call, result in zip(calls, results, strict=False):
                if isinstance(result, WebhookRefused) and result.status == HTTPStatus.UNAUTHORIZED:
                    self.hooked.strangers += 1
                elif isinstance(result, Exception):
                    self.hooked.calls.append(call)
            refused += [
                message
                for message, result in zip(messages, results[len(calls) :], strict=True)
                if isinstance(result, Exception)
            ]
            await self.reports_brought()
        self.bus.messages += refused

    async def handle(self, process: Process, topic: str, data: bytes) -> None:
        if topic == SEND_REQUESTS:
            await process.sender.send(SendTicket.model_validate_json(data))
        elif topic == BULK_SEND_REQUESTS:
            await process.bulk_sender.send(SendTicket.model_validate_json(data))
        else:
            assert topic == DELIVERY_CALLBACKS
            await process.reports.record_batch(ReportBatch.model_validate_json(data))

    async def reports_brought(self, taken: int = 0) -> None:
        """Wait until the provider has brought all its reports, and so many since it began."""
        counts = self.simulator.reports()
        while counts["waiting"] or counts["taken"] < taken:
            await asyncio.sleep(0)
            counts = self.simulator.reports()

    async def live(self, process: Process, rounds: int = 40) -> bool:
        """Let a process do all that there is to do until nothing is left or it has ended.

        Time passes by a lease at first, then in longer and longer steps.

        Returns:
            Whether it lived to the end.
        """
        for number in range(rounds):
            await self.deliver(process)
            if process.ended or self.is_quiet():
                return not process.ended
            self.clock.advance((LEASE.total_seconds() + 1) * 2 ** (number // 5))
            for result in await process.run(process.sweep()):
                if isinstance(result, Exception):
                    raise result
        raise AssertionError(f"there is no end to it: {self.table('messages')}, {self.table('dispatches')}")

    def is_quiet(self) -> bool:
        """Whether everything has its end."""
        if self.bus.messages or self.hooked.calls:
            return False
        [row] = self.rows(
            """
            select not exists (select from outbox)
              and not exists (select from messages where status in ('queued', 'sending', 'sent', 'unknown'))
              and not exists (select from dispatches where state in ('open', 'prepared')) as quiet
            """
        )
        return bool(row["quiet"])

    def table(self, name: str) -> list[DictRow]:
        """All rows of a table."""
        return self.rows(f"select * from {name} order by 1, 2")  # noqa: S608

    def message(self, id_: UUID) -> DictRow:
        [found] = [row for row in self.table("messages") if row["id"] == id_]
        return found

    def accepted(self) -> dict[UUID, list[str]]:
        """What the provider really took charge of: the wire types of each message, in order."""
        found: dict[UUID, list[str]] = defaultdict(list)
        for entry in self.simulator.accepted():
            message, _, _ = entry["customFields"]["allim"].split("/")
            found[UUID(message)].append(entry["type"])
        return found

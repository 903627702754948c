"""`python -m bench.ledger`: a storm on the ledger of a Postgres of its own, and what its books say in the end.

Several connections claim messages, settle them, take payments in and give them back for the same few tenants, who are
always short of credit, with the product's own statements. Whatever is told is sometimes told twice, late or in another
order. An operation is one message held or settled, or one payment.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import logging
import random
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from local.postgres import ensure_database, running
from shared.contracts.outcomes import Outcome
from shared.contracts.reports import ProviderReport
from shared.contracts.tickets import SendTicket
from shared.credits.errors import CreditError
from shared.credits.ledger.audit import ZERO, Audit, audit, disagreements
from shared.credits.ledger.ledger import take_back, top_up
from shared.messages.dispatch.dispatching import Dispatcher
from shared.messages.dispatch.store import Claimed, decide_claims
from shared.messages.dispatch.submit_store import mark_prepared, mark_sent
from shared.messages.outbox import cut_tickets
from shared.messages.reports.reporting import Reports, Told
from shared.platform.clock import WallClock
from shared.platform.database import Connection, Database, fetch_all
from shared.platform.database.migrations import migrate
from shared.platform.ids import new_id
from shared.platform.pubsub import SEND_REQUESTS, Outgoing

TENANTS = 12
BATCH = 500
WAITING_BATCHES = 4
"""A worker settles its oldest batch once so many are on their way, so that reports come late and mixed."""

OUTCOMES = [Outcome.DELIVERED] * 12 + [Outcome.READ] * 2 + [Outcome.FAILED] * 5 + [Outcome.UNCONFIRMED]
WON_A_MESSAGE = 18
"""About what is paid in for a message: less than must be held for it, so that tenants are short time and again."""

ADD_TENANTS = """
with added as (
  insert into tenants (id, name) select t, t from unnest(%(tenants)s::text[]) as t returning id
),
registered as (
  insert into sender_numbers (tenant, number, registered_at, verified_at, verified_how)
  select t, '0212345678', '2026-01-01Z', '2026-01-01Z', 'bench' from unnest(%(tenants)s::text[]) as t
)
insert into provider_accounts (tenant, id, provider, sender, credentials)
select t, 'main', 'solapi', '0212345678', ''::bytea from unnest(%(tenants)s::text[]) as t
"""

QUEUE = """
insert into messages (
  tenant, id, customer, recipient, workflow, template, template_version, route, deadlines, channel, status,
  due_at, expires_at, created_at, updated_at
)
select %(tenant)s, id, 'somebody', '01090004000', 'storm', 'hello', 1, %(route)s, array_fill(60, array[%(legs)s]),
  (%(route)s::text[])[1], 'queued', %(now)s, %(now)s + interval '1 day', %(now)s, %(now)s
from unnest(%(ids)s::uuid[]) as id
"""


@dataclass
class Tally:
    """What the workers know for sure, apart from the database. Won."""

    operations: int = 0
    paid_in: Decimal = Decimal(0)
    given_back: Decimal = Decimal(0)
    refused: int = 0
    on_operations: Callable[[int], None] = field(default=lambda operations: None)

    def add(self, operations: int) -> None:
        self.operations += operations
        self.on_operations(self.operations)


class _Nobody:
    """A publisher for tickets that the workers carry themselves."""

    async def publish(self, topic: str, messages: Sequence[Outgoing]) -> None:
        pass


class Worker:
    """One connection's part of the storm.

    Args:
        database: with a connection for each worker.
        tenants: shared by all workers.
        shared_tickets: the newest tickets of all workers, to be claimed again by others.
        tally: of all workers.
        seed: of its choices.
    """

    def __init__(
        self, database: Database, tenants: Sequence[str], shared_tickets: deque[SendTicket], tally: Tally, seed: int
    ) -> None:
        self._database = database
        self._clock = WallClock()
        self._reports = Reports(database, _Nobody(), self._clock)
        self._dispatcher = Dispatcher(database, self._clock)
        self._tenants = tenants
        self._tickets = shared_tickets
        self._tally = tally
        self._random = random.Random(seed)  # noqa: S311 - a storm that can be repeated
        self._name = seed
        self._payments = 0
        self._on_their_way: deque[list[Claimed]] = deque()

    async def work(self, until: int) -> None:
        """Go on until all workers together have made so many operations."""
        while self._tally.operations < until:
            tenant = self._random.choice(self._tenants)
            await self._pay(tenant)
            ticket = await self._queue(tenant)
            again = [self._random.choice(self._tickets)] if self._tickets and self._random.random() < 0.3 else []
            self._tickets.append(ticket)
            await self._begin(await self._claim([ticket, *again]))
            if len(self._on_their_way) > WAITING_BATCHES:
                await self._settle(self._on_their_way.popleft())

    async def _pay(self, tenant: str) -> None:
        self._payments += 1
        now, key = self._clock.now(), f"paid/{self._name}/{self._payments}"
        won = Decimal(self._random.randint(1, BATCH * WON_A_MESSAGE))
        for _ in range(self._random.choice((1, 1, 2))):
            async with self._database.transaction() as connection:
                if await top_up(connection, tenant, won, key=key, reference="storm", now=now):
                    self._tally.paid_in += won
                    self._tally.add(1)
        if self._random.random() < 0.2:
            await self._give_back(tenant, Decimal(self._random.randint(1, BATCH * WON_A_MESSAGE)))

    async def _give_back(self, tenant: str, won: Decimal) -> None:
        key = f"back/{self._name}/{self._payments}"
        try:
            async with self._database.transaction() as connection:
                await take_back(connection, tenant, won, key=key, reference="storm", now=self._clock.now())
        except CreditError as error:
            if error.code != "credit_shortage":
                raise
            self._tally.refused += 1
        else:
            self._tally.given_back += won
            self._tally.add(1)

    async def _queue(self, tenant: str) -> SendTicket:
        now = self._clock.now()
        ids = [new_id(now) for _ in range(self._random.randint(BATCH // 2, BATCH))]
        route = self._random.choice((["sms"], ["alimtalk"], ["alimtalk", "sms"]))
        async with self._database.connection() as connection:
            parameters = {"tenant": tenant, "ids": ids, "route": route, "legs": len(route), "now": now}
            await fetch_all(connection, QUEUE, parameters)
        return SendTicket(id=new_id(now), tenant=tenant, messages=tuple(ids))

    async def _claim(self, tickets: Sequence[SendTicket]) -> list[Claimed]:
        now = self._clock.now()
        dispatches = {tenant: new_id(now) for tenant in sorted({ticket.tenant for ticket in tickets})}
        async with self._database.connection() as connection:
            claimed = await decide_claims(
                connection, tickets, dispatches, topic=SEND_REQUESTS, now=now, lease_until=now + dt.timedelta(minutes=1)
            )
        self._tally.add(sum(message.attempt == 0 for message in claimed))
        return claimed

    async def _begin(self, claimed: list[Claimed]) -> None:
        """Each dispatch is told to its provider, or given up because the provider is away."""
        by_dispatch: dict[UUID, list[Claimed]] = {}
        for message in claimed:
            by_dispatch.setdefault(message.dispatch, []).append(message)
        for dispatch, messages in by_dispatch.items():
            tenant = messages[0].tenant
            if self._random.random() < 0.1:
                await self._dispatcher.abandon(tenant, dispatch, "open", "the provider is away")
                self._tickets.extend(self._tickets_again(messages))
                continue
            now = self._clock.now()
            async with self._database.connection() as connection:
                await mark_prepared(connection, tenant, dispatch, batch=str(dispatch), now=now, lease_until=now)
                accepted = [(message.id, _channel(message, self._random), None) for message in messages]
                await mark_sent(connection, tenant, dispatch, accepted, now=now, check_at=now)
            self._on_their_way.append(messages)

    async def _settle(self, messages: list[Claimed]) -> None:
        """What became of a batch, in two parts that may contradict each other, and its fallbacks."""
        told = [self._told(message) for message in messages]
        late = [self._told(message) for message in messages if self._random.random() < 0.05]
        await self._reports.record(self._random.sample(told, len(told)))
        await self._reports.record([*late, *self._random.sample(told, len(told) // 10)])
        self._tally.add(sum(one.report.outcome is not Outcome.UNCONFIRMED for one in told))
        await self._begin(await self._claim(self._tickets_again(messages)))

    def _tickets_again(self, messages: Sequence[Claimed]) -> list[SendTicket]:
        return cut_tickets(((message.tenant, message.id) for message in messages), self._clock.now())

    def _told(self, message: Claimed) -> Told:
        outcome = self._random.choice(OUTCOMES)
        report = ProviderReport(
            message=message.id,
            attempt=message.attempt,
            channel=_channel(message, self._random),
            provider_message_id="",
            code=outcome,
            outcome=outcome,
        )
        return Told(message.tenant, "solapi", report)


def _channel(message: Claimed, choices: random.Random) -> str:
    return choices.choice(("sms", "lms")) if message.leg == "sms" else message.leg


@dataclass(frozen=True)
class Books:
    """What a storm left.

    audit: all of it recomputed.
    unexplained: won by which its balances and charges differ from the payments that the workers know of.
    """

    audit: Audit
    unexplained: Decimal


async def storm(url: str, *, operations: int, connections: int, seed: int, tally: Tally) -> Books:
    """Let workers loose on a migrated, empty database until they have made so many operations, then audit it."""
    tenants = [f"storm-{number}" for number in range(TENANTS)]
    database = Database(url, pool_size=connections)
    try:
        async with database.connection() as connection:
            await _prepare(connection, tenants)
        tickets: deque[SendTicket] = deque(maxlen=100)
        workers = [Worker(database, tenants, tickets, tally, seed * 1_000 + number) for number in range(connections)]
        async with asyncio.TaskGroup() as group:
            for worker in workers:
                group.create_task(worker.work(operations))
        found = await audit(database)
    finally:
        await database.close()
    paid = tally.paid_in - tally.given_back
    return Books(found, abs(paid - found.charged - found.balance))


async def _prepare(connection: Connection, tenants: Sequence[str]) -> None:
    """Every other tenant's messages wait for credit instead of failing."""
    await fetch_all(connection, ADD_TENANTS, {"tenants": tenants})
    choose = "update credit_accounts set wait_for_credit = true where tenant = any(%(tenants)s)"
    await fetch_all(connection, choose, {"tenants": tenants[::2]})


def run(*, operations: int, connections: int, seed: int, console: Console) -> bool:
    """A storm on a Postgres of its own. Returns whether the books are right."""
    columns = (TextColumn("operations"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with (
        tempfile.TemporaryDirectory(prefix="allim-ledger-") as folder,
        running(Path(folder, "postgres"), durable=False) as server,
        Progress(*columns, console=console, disable=not console.is_terminal) as progress,
    ):
        url = ensure_database(server.url("postgres"), "ledger")
        migrate(url)
        task = progress.add_task("operations", total=operations)

        def tell(made: int) -> None:
            completed = min(made, operations)
            tenths = completed * 10 // operations
            if not console.is_terminal and tenths > progress.tasks[task].completed * 10 // operations:
                console.print(f"{tenths * 10} %")
            progress.update(task, completed=completed)

        tally = Tally(on_operations=tell)
        started = time.monotonic()
        books = asyncio.run(storm(url, operations=operations, connections=connections, seed=seed, tally=tally))
        seconds = time.monotonic() - started
    _show(console, books, tally, f"{seconds:,.0f} s over {connections} connections, seed {seed}")
    return is_right(books)


def is_right(books: Books) -> bool:
    """Whether every won is accounted for, and nobody spent what was not there."""
    return not (disagreements(books.audit) or books.unexplained)


def _show(console: Console, books: Books, tally: Tally, how: str) -> None:
    found = books.audit

    def line(text: str, style: str | None = None) -> None:
        console.print(text, style=style, soft_wrap=True, highlight=False)

    line(f"{tally.operations:,} operations in {how}")
    line(
        f"{found.entries:,} entries, {found.messages:,} messages held, {found.captured:,} charged; "
        f"{tally.refused:,} refunds refused for want of credit"
    )
    line(
        f"paid in {tally.paid_in:,}, given back {tally.given_back:,}, charged {found.charged:,}, "
        f"balance {found.balance:,}, of it held {found.held:,} won"
    )
    figures = {name: getattr(found, name) for name in ZERO} | {"unexplained": books.unexplained}
    for name, value in figures.items():
        line(f"{name}: {value:,}", "bold red" if value else "green")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.ledger", description=__doc__.splitlines()[0])
    parser.add_argument("--operations", type=int, default=100_000, help="messages held or settled, and payments")
    parser.add_argument("--connections", type=int, default=4, help="how many work at once")
    parser.add_argument("--seed", type=int, default=1, help="of the choices; what meets what is up to the machine")
    options = parser.parse_args()
    if options.operations < 1 or options.connections < 1:
        parser.error("at least one operation and one connection")
    logging.getLogger("allim").setLevel(logging.ERROR)  # what is queued again is the storm's own doing
    right = run(operations=options.operations, connections=options.connections, seed=options.seed, console=Console())
    sys.exit(0 if right else 1)


if __name__ == "__main__":
    main()
